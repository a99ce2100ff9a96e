"""When steps are launched and their results taken, and what becomes of them where something fails."""

from collections.abc import Sequence as Seq
from threading import Event

import pytest

from engine.blocks import BlockPool
from engine.errors import DeviceLost, EngineClosed, EngineError
from engine.request import FinishReason
from engine.scheduler import Scheduler
from engine.sequence import Chunk
from engine.work import Sampled
from tests.engine.fakes import generation
from tests.engine.made_up_device import BLOCK_TOKENS, Device
from tests.engine.made_up_runs import Ask, Machine, Run, alone


def test_the_next_step_is_launched_before_the_results_of_the_last_are_asked_for() -> None:
    run = Run(Machine(64, 8), device := Device())
    run.start([Ask("plain", (1, 2, 3), 6, seed=seed) for seed in (1, 2, 3)])
    run.outcomes()
    assert device.events == [
        ("launch", 0),
        *(event for n in range(1, 6) for event in (("launch", n), ("results", n - 1))),
        ("results", 5),
    ]


def test_no_step_is_launched_for_tokens_beyond_the_most_that_were_asked_for() -> None:
    run = Run(Machine(64, 8), device := Device())
    run.start([Ask("plain", (1, 2, 3), max_tokens, seed=2) for max_tokens in (1, 4)])
    run.outcomes()
    assert [len(chunks) for chunks in device.chunks] == [2, 1, 1, 1]


def test_a_stop_token_is_seen_a_step_late_and_what_came_after_it_is_dropped() -> None:
    ((reason, token_ids),) = alone(ask := Ask("stopped", (1, 2, 3), 14, seed=2))
    assert reason is FinishReason.STOP
    run = Run(Machine(64, 8), device := Device())
    run.start([ask])
    assert run.outcomes() == [[(reason, token_ids)]]
    assert len(device.chunks) == len(token_ids) + 1
    assert run.loop.totals.output_tokens == len(token_ids)


def test_a_cancelled_sequences_blocks_are_free_while_its_step_is_in_flight() -> None:
    scheduler = Scheduler(BlockPool(8), BLOCK_TOKENS, max_batch_tokens=32, max_sequences=4)
    sequence = generation(9, 20)
    scheduler.add(sequence)
    for _ in range(2):
        scheduler.complete(scheduler.schedule())
        if sequence.num_pending_tokens == 1:
            assert sequence.num_uncomputed_tokens == 1
    scheduler.finish(sequence, FinishReason.CANCELLED)
    scheduler.check_integrity()
    scheduler.check_idle()
    assert scheduler.schedule() == []


@pytest.mark.parametrize(("reason", "num_offered"), [(None, 0), (FinishReason.CANCELLED, 1)])
def test_a_block_filled_ahead_is_offered_unless_its_step_may_have_failed(
    reason: FinishReason | None, num_offered: int
) -> None:
    scheduler = Scheduler(BlockPool(8), BLOCK_TOKENS, max_batch_tokens=32, max_sequences=4)
    scheduler.add(sequence := generation(3, 20))
    for _ in range(2):
        scheduler.complete(scheduler.schedule())
    assert sequence.append(Sampled(7)) is None
    scheduler.pool.reset_cache()
    scheduler.finish(sequence, reason)
    assert scheduler.pool.num_cached == num_offered


def test_those_who_cannot_go_on_without_the_host_are_passed_over_while_few() -> None:
    run = Run(Machine(64, 16), device := Device())
    run.start(
        [Ask("plain", (1, 2, 3), 6, seed=seed) for seed in range(1, 9)]
        + [Ask("penalized", (3, 2), 3, seed=9)]
    )
    run.outcomes()
    assert [len(chunks) for chunks in device.chunks][:5] == [9, 8, 9, 8, 9]


def test_where_many_need_the_host_a_step_is_taken_first_so_that_they_stay_together() -> None:
    late = [Ask("matched", (3, 2), 5, seed=6)]
    device = Device()
    run = Run(Machine(64, 16), device)

    def arrive(_: Seq[Chunk]) -> None:
        if late:
            run.submit(late.pop())

    run._look = arrive
    run.start([Ask("matched", (1, 2, 3), 5, seed=6)])
    run.outcomes()
    assert [len(chunks) for chunks in device.chunks] == [1, 2, 2, 2, 2, 1]
    assert device.events[:4] == [("launch", 0), ("results", 0), ("launch", 1), ("results", 1)]


def test_whoever_ended_in_the_step_before_a_launch_that_fails_has_an_answer() -> None:
    ask = Ask("stopped", (1, 2, 3), 14, seed=2)
    ((_, token_ids),) = alone(ask)
    device = Device()

    def fail_after_the_end(_: Seq[Chunk]) -> None:
        if len(device.chunks) == len(token_ids):
            raise RuntimeError("illegal address")

    device.before = fail_after_the_end
    run = Run(Machine(64, 8), device)
    run.start([ask])
    assert run.outcomes() == [alone(ask)]


def test_an_error_that_comes_late_fails_its_step_and_the_one_behind_it_and_nobody_else() -> None:
    device = Device()

    def fail_second(chunks: Seq[Chunk]) -> None:
        if chunks is device.chunks[1]:
            raise RuntimeError("illegal address")

    device.at_results = fail_second
    run = Run(Machine(6, 2), device)
    run.start([Ask("pooled", (1,) * 4, 1, 0), Ask("plain", (2,) * 9, 3, 1), Ask("pooled", (3,) * 3, 1, 0)])
    outcomes = run.outcomes()
    assert [list(map(spanned, chunks)) for chunks in device.chunks[:3]] == [
        [(1, 0, 4), (2, 0, 2)],
        [(2, 2, 8)],
        [(2, 8, 9), (3, 0, 3)],
    ]
    assert outcomes[0] == alone(Ask("pooled", (1,) * 4, 1, 0))
    assert [seen[0] for seen in outcomes[1:]] == [EngineError, EngineError]
    assert run.scheduler.pool.num_cached == 0


def spanned(chunk: Chunk) -> tuple[int, int, int]:
    return chunk.sequence.token_ids[0], chunk.start, chunk.end


@pytest.mark.parametrize("where", ["before", "at_results"])
def test_a_lost_device_ends_the_engine_and_everybody_hears_of_it(where: str) -> None:
    device = Device()

    def lose(_: Seq[Chunk]) -> None:
        if len(device.chunks) >= 3:
            raise DeviceLost("the GPU has fallen off the bus")

    setattr(device, where, lose)
    run = Run(Machine(64, 1), device)
    run.start([Ask("plain", (1, 2, 3), 9, seed=3), Ask("plain", (2, 2, 3), 9, seed=3)])
    for future in run.futures:
        with pytest.raises(EngineClosed, match="fallen off the bus") as caught:
            future.result(20)
        assert isinstance(caught.value.__cause__, DeviceLost)
    with pytest.raises(EngineClosed):
        run.loop.submit(generation(3, 1))
    run.loop.close()


def test_nothing_is_in_flight_when_the_engine_has_been_closed() -> None:
    device, in_third = Device(), Event()

    def note_third(_: Seq[Chunk]) -> None:
        if len(device.chunks) == 2:
            in_third.set()
            run.loop.call(run.loop.close)

    device.before = note_third
    run = Run(Machine(64, 8), device)
    run.start([Ask("plain", (1, 2, 3), 9, seed=3)])
    assert in_third.wait(20)
    run.loop.close()
    assert device.num_in_flight == 0
    assert device.events[-2:] == [("results", 1), ("results", 2)]


def test_nothing_is_in_flight_while_the_engine_has_nothing_to_do() -> None:
    ask, device, landed = Ask("stopped", (1, 2, 3), 14, seed=2), Device(), Event()
    ((_, token_ids),) = alone(ask)

    def note_last(chunks: Seq[Chunk]) -> None:
        # The step that was launched before the stop token was known.
        if device.chunks.index(chunks) == len(token_ids):
            landed.set()

    device.at_results = note_last
    run = Run(Machine(64, 8), device)
    run.start([ask])
    assert run.futures[0].result(20) == alone(ask)
    assert landed.wait(20)
    run.start([ask])
    assert run.outcomes() == [alone(ask)] * 2


def test_a_pooled_chunk_whose_sums_come_after_a_preemption_counts_once() -> None:
    asks = [Ask("plain", (1, 1, 1), 17, seed=5), Ask("pooled", (3, 1, 2, 2, 1, 3, 3, 2, 2), 1, seed=0)]
    run = Run(Machine(2, 4), Device(), num_blocks=5)
    run.start(asks)
    assert run.outcomes() == [alone(ask) for ask in asks]
    assert run.scheduler.num_preemptions > 0


def test_what_was_generated_ahead_serves_the_next_text_as_well() -> None:
    ask = Ask("plain", (1, 2, 3), 14, seed=5)
    ((_, token_ids),) = alone(ask)
    hits = []
    for runs_ahead in (False, True):
        run = Run(Machine(64, 8), Device(runs_ahead))
        run.start([ask])
        run.futures[0].result(20)
        run.start([Ask("plain", (*ask.prompt, *token_ids, 1), 1, seed=1)])
        run.outcomes()
        hits.append(run.scheduler.num_prefix_hit_tokens)
    assert hits == [16, 16]
