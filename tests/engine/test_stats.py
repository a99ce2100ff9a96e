"""What the engine tells of itself adds up."""

from collections.abc import Sequence as Seq

from engine import Engine, Request, Sampling
from engine.blocks import BlockPool
from engine.loop import StepLoop
from engine.scheduler import Scheduler
from engine.sequence import Chunk
from tests.engine.fakes import FakeRunner, prompted


def test_batches_are_counted_and_the_last_is_told(engine: Engine) -> None:
    sampling = Sampling(max_tokens=3, ignore_eos=True)
    engine.submit(Request(prompt_token_ids=range(2, 12), sampling=sampling)).result(60)
    stats = engine.stats()
    assert (stats.steps, stats.batch_sequences, stats.batch_tokens) == (3, 3, 10 + 1 + 1)
    assert (stats.last_batch_tokens, stats.last_batch_sequences) == (1, 1)
    assert 0 < stats.scheduling_s < stats.step_s
    # A CPU has computed when it is launched, and then there is nothing to wait for.
    assert 0 < stats.waiting_s < stats.launching_s < stats.step_s
    assert 0 <= stats.taking_s < stats.step_s
    assert stats.out_of_memory_retries == 0
    assert stats.kv_wasted_tokens == 0


def test_a_step_that_failed_is_not_counted() -> None:
    def fail(chunks: Seq[Chunk]) -> None:
        raise ValueError

    scheduler = Scheduler(BlockPool(8), block_tokens=4, max_batch_tokens=16, max_sequences=2)
    loop = StepLoop(scheduler, FakeRunner(fail), lambda sequence: None)
    assert isinstance(loop.submit(prompted([1, 2, 3])).exception(10), Exception)
    assert (loop.totals.steps, loop.totals.batch_tokens) == (0, 0)
    loop.close()


def test_wasted_is_what_running_sequences_hold_and_have_not_filled() -> None:
    scheduler = Scheduler(BlockPool(16), block_tokens=4, max_batch_tokens=64, max_sequences=4)
    for _ in range(2):
        scheduler.add(prompted([1, 2, 3, 4, 5], max_tokens=9))
    assert scheduler.num_wasted_tokens == 0
    scheduler.complete(scheduler.schedule())
    assert scheduler.num_wasted_tokens == 3 + 3
