"""Whatever arrives, and whatever is cancelled: everything finishes, nothing leaks, no budget is exceeded."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.blocks import BlockPool
from engine.request import FinishReason
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence, Status
from engine.waiting import WaitingQueue
from engine.work import Generation, Sampled
from tests.engine.fakes import FakeRunner, generation

BLOCK_TOKENS = 4
NUM_BLOCKS = 8


def make_scheduler(
    num_blocks: int = NUM_BLOCKS, max_batch_tokens: int = 10, max_sequences: int = 4
) -> Scheduler:
    return Scheduler(BlockPool(num_blocks), BLOCK_TOKENS, max_batch_tokens, max_sequences)


def step(scheduler: Scheduler) -> list[Chunk]:
    """A step with made-up tokens."""
    chunks = scheduler.schedule()
    results = FakeRunner().launch(chunks).results()
    scheduler.complete(chunks)
    for chunk, result in zip(chunks, results, strict=True):
        if isinstance(result, Sampled) and (reason := chunk.sequence.append(result)) is not None:
            scheduler.finish(chunk.sequence, reason)
    return chunks


def run_out(scheduler: Scheduler, max_steps: int = 2000) -> None:
    for _ in range(max_steps):
        if not scheduler.has_work:
            return
        step(scheduler)
    raise AssertionError("it never ends")


arrivals = st.tuples(
    st.integers(1, 20),  # prompt tokens
    st.integers(1, 12),  # max_tokens: with the prompt, never more than the pool holds
    st.integers(-1, 1),  # priority
    st.integers(0, 2),  # which prefix
)
events = st.lists(st.one_of(arrivals, st.just("step"), st.integers(0, 30)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(events=events, max_batch_tokens=st.integers(1, 24), max_sequences=st.integers(1, 6))
def test_everything_ends_and_nothing_leaks(
    events: list[tuple[int, int, int, int] | str | int], max_batch_tokens: int, max_sequences: int
) -> None:
    scheduler = make_scheduler(max_batch_tokens=max_batch_tokens, max_sequences=max_sequences)
    sequences: list[Sequence] = []
    for event in events:
        match event:
            case (prompt, max_tokens, priority, first_token):
                sequences.append(generation(prompt, max_tokens, priority, first_token))
                scheduler.add(sequences[-1])
            case int(number) if number < len(sequences):
                if sequences[number].status is not Status.FINISHED:
                    scheduler.finish(sequences[number], FinishReason.CANCELLED)
            case "step":
                chunks = step(scheduler)
                assert sum(chunk.num_tokens for chunk in chunks) <= max_batch_tokens
                assert len(scheduler.running) <= max_sequences
        scheduler.check_integrity()
    run_out(scheduler)
    scheduler.check_integrity()
    scheduler.check_idle()
    for sequence in sequences:
        assert sequence.status is Status.FINISHED
        if sequence.finish_reason is FinishReason.LENGTH:
            assert isinstance(sequence.work, Generation)
            assert len(sequence.output_token_ids) == sequence.work.sampling.max_tokens


def test_running_sequences_go_before_waiting_ones() -> None:
    scheduler = make_scheduler(max_batch_tokens=6)
    old, new = generation(5, 9), generation(9, 3, first_token=1)
    scheduler.add(old)
    step(scheduler)
    scheduler.add(new)
    assert [(c.sequence, c.num_tokens) for c in scheduler.schedule()] == [(old, 1), (new, 5)]


def test_a_long_prompt_is_computed_in_chunks_of_the_budget() -> None:
    scheduler = make_scheduler(max_batch_tokens=8)
    scheduler.add(generation(20, 2))
    spans = [(c.start, c.end) for _ in range(4) for c in step(scheduler)]
    assert spans == [(0, 8), (8, 16), (16, 20), (20, 21)]


def test_priority_then_arrival_decides_who_is_admitted() -> None:
    scheduler = make_scheduler(max_sequences=1)
    first, second, urgent = (generation(3, 1, priority=p, first_token=p + 5) for p in (1, 1, 0))
    for sequence in (first, second, urgent):
        scheduler.add(sequence)
    assert [step(scheduler)[0].sequence for _ in range(3)] == [urgent, first, second]


def test_the_newest_is_preempted_and_recomputed_later() -> None:
    scheduler = make_scheduler(num_blocks=5, max_batch_tokens=32)
    old, new = generation(7, 12, first_token=1), generation(7, 6, first_token=2)
    scheduler.add(old)
    scheduler.add(new)
    while not scheduler.num_preemptions:
        step(scheduler)
    assert (old.status, new.status) == (Status.RUNNING, Status.WAITING)
    assert new.block_table == []
    tokens_so_far = list(new.token_ids)
    run_out(scheduler)
    assert new.token_ids[: len(tokens_so_far)] == tokens_so_far
    assert new.finish_reason is FinishReason.LENGTH


def test_a_shared_prefix_is_computed_once_even_within_a_step() -> None:
    scheduler = make_scheduler(max_batch_tokens=64, num_blocks=32)
    for _ in range(3):
        scheduler.add(generation(18, 1))
    assert [(c.start, c.end) for c in scheduler.schedule()] == [(0, 18), (17, 18), (17, 18)]


def test_a_step_takes_from_a_long_queue_only_what_can_run() -> None:
    scheduler = make_scheduler(max_sequences=1)
    for _ in range(5000):
        scheduler.add(generation(1, 1))
    looked_at = step(scheduler)
    assert len(looked_at) == 1
    assert scheduler.num_waiting == 4999


def _num_kept(sequences: list[Sequence]) -> int:
    """How many of them somebody beside the list holds on to."""
    (of_a_list_alone,) = [sys.getrefcount(each) for each in [generation(1, 1)]]
    return sum(sys.getrefcount(each) > of_a_list_alone for each in sequences)


def test_those_cancelled_while_they_wait_do_not_pile_up() -> None:
    queue = WaitingQueue()
    sequences = [generation(1, 1) for _ in range(1000)]
    for arrival, sequence in enumerate(sequences):
        sequence.arrival = arrival
        queue.push(sequence)
    for sequence in sequences[5:]:
        sequence.finish(FinishReason.CANCELLED)
        queue.note_ended()
        queue.check_integrity()
    assert len(queue) == 5
    assert _num_kept(sequences) <= 10


def test_a_newcomer_leaves_a_spare_block_to_each_that_runs() -> None:
    scheduler = make_scheduler(num_blocks=8, max_batch_tokens=64)
    for first_token in range(3):
        scheduler.add(generation(8, 9, first_token=first_token))
    # Two blocks each; the third comes only where two are left for the two that run.
    assert [c.sequence.token_ids[0] for c in step(scheduler)] == [0, 1, 2]
    scheduler = make_scheduler(num_blocks=7, max_batch_tokens=64)
    for first_token in range(3):
        scheduler.add(generation(8, 9, first_token=first_token))
    assert [c.sequence.token_ids[0] for c in step(scheduler)] == [0, 1]
