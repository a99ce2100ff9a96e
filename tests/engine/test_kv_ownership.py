"""Through arrivals, cancels, preemptions, evictions and failed steps, nobody reads another text's KV."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.blocks import BlockPool
from engine.request import FinishReason
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence, Status
from engine.work import ChunkResult, EdgeLogprobs, HiddenSums, Sampled
from tests.engine.fakes import pooling, prompted, scoring
from tests.engine.kv_memory import KVMemoryRunner, token_at

BLOCK_TOKENS = 4
NUM_BLOCKS = 10

# Of three tokens, and after one of few beginnings, most of which end inside a block.
tokens = st.integers(1, 3)
beginnings = st.integers(0, 11).map(lambda length: [1, 2, 1, 1, 3, 1, 2, 2, 1, 3, 3][:length])
prompts = st.builds(lambda start, rest: start + rest, beginnings, st.lists(tokens, min_size=1, max_size=8))
choices = st.lists(st.lists(tokens, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3, unique=True)


class Life(RuleBasedStateMachine):
    """A scheduler, and KV memory that knows which text it holds."""

    @initialize(
        max_batch_tokens=st.integers(1, 40),
        max_sequences=st.integers(1, 6),
        lanes=st.integers(1, 3),
        runs_ahead=st.booleans(),
    )
    def start(self, max_batch_tokens: int, max_sequences: int, lanes: int, runs_ahead: bool) -> None:
        self.scheduler = Scheduler(BlockPool(NUM_BLOCKS), BLOCK_TOKENS, max_batch_tokens, max_sequences)
        self.runner = KVMemoryRunner(BLOCK_TOKENS, lanes)
        self.runs_ahead = runs_ahead
        self.sequences: list[Sequence] = []
        self.in_flight: list[tuple[Chunk, ChunkResult]] = []

    def arrive(self, sequence: Sequence) -> None:
        self.sequences.append(sequence)
        self.scheduler.prepare(sequence)
        self.scheduler.add(sequence)

    @rule(prompt=prompts, max_tokens=st.integers(1, 9), priority=st.integers(0, 1), n=st.integers(1, 3))
    def generate(self, prompt: list[int], max_tokens: int, priority: int, n: int) -> None:
        for _ in range(n):
            self.arrive(prompted(prompt, max_tokens, priority))

    @rule(prompt=prompts, choices=choices)
    def score(self, prompt: list[int], choices: list[tuple[int, ...]]) -> None:
        self.arrive(scoring(prompt, choices))

    @rule(prompt=prompts)
    def pool(self, prompt: list[int]) -> None:
        self.arrive(pooling(prompt))

    @rule(count=st.integers(1, 4), fails=st.sampled_from([False, False, False, True]))
    def steps(self, count: int, fails: bool) -> None:
        for _ in range(count):
            self.step()
        if fails:
            self.fail_a_launch()

    def step(self) -> None:
        before, self.in_flight = self.in_flight, self.launched()
        self.take(before)
        if not (self.runs_ahead and self.in_flight):
            self.land()

    def launched(self) -> list[tuple[Chunk, ChunkResult]]:
        """A step, and what it will give."""
        if not (chunks := self.scheduler.schedule()):
            return []
        assert sum(chunk.num_tokens for chunk in chunks) <= self.scheduler.budget.tokens
        self.scheduler.check_integrity()
        results = self.runner.launch(chunks).results()
        self.scheduler.complete(chunks)
        return list(zip(chunks, results, strict=True))

    def land(self) -> None:
        results, self.in_flight = self.in_flight, []
        self.take(results)

    def take(self, results: list[tuple[Chunk, ChunkResult]]) -> None:
        for chunk, result in results:
            reason = None
            if chunk.sequence.status is Status.FINISHED:
                continue
            if isinstance(result, Sampled):
                reason = chunk.sequence.append(Sampled(token_at(len(chunk.sequence.token_ids))))
            elif isinstance(result, EdgeLogprobs | HiddenSums) and chunk.is_last:
                reason = FinishReason.STOP
            if reason is not None:
                self.scheduler.finish(chunk.sequence, reason)

    def fail_a_launch(self) -> None:
        self.scheduler.abandon(self.scheduler.schedule())
        self.land()

    @precondition(lambda self: self.in_flight)
    @rule(with_one_behind=st.booleans())
    def fail_late(self, with_one_behind: bool) -> None:
        behind = self.launched() if with_one_behind else []
        self.runner.lose(2 if behind else 1)
        self.scheduler.reset_cache()
        for chunk, _ in self.in_flight + behind:
            if chunk.sequence.status is not Status.FINISHED:
                self.scheduler.finish(chunk.sequence, None)
        self.in_flight = []

    @precondition(lambda self: self.sequences)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(self.sequences))
        if sequence.status is not Status.FINISHED:
            self.scheduler.finish(sequence, FinishReason.CANCELLED)

    @rule()
    def run_out_of_memory(self) -> None:
        self.fail_a_launch()
        self.scheduler.budget.shrink()

    @rule()
    def forget_what_is_cached(self) -> None:
        self.scheduler.pool.reset_cache()

    @invariant()
    def nothing_leaks(self) -> None:
        if hasattr(self, "scheduler"):
            self.scheduler.check_integrity()

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for _ in range(3000):
            if not self.scheduler.has_work:
                break
            self.step()
        self.land()
        assert not self.scheduler.has_work, "it never ends"
        self.scheduler.check_idle()
        assert all(sequence.status is Status.FINISHED for sequence in self.sequences)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(prompts, min_size=1, max_size=8), lanes=st.integers(1, 4))
def test_with_room_for_all_a_token_after_an_equal_beginning_is_computed_once(
    rows: list[list[int]], lanes: int
) -> None:
    scheduler = Scheduler(BlockPool(256), BLOCK_TOKENS, max_batch_tokens=10_000, max_sequences=64)
    runner = KVMemoryRunner(BLOCK_TOKENS, lanes)
    for row in rows:
        scheduler.add(prompted(row))
    runner.launch(chunks := scheduler.schedule())
    scheduler.complete(chunks)
    assert runner.num_computed_tokens == sum(map(_num_own_tokens, [rows[:n] for n in range(len(rows))], rows))
    for chunk in chunks:
        scheduler.finish(chunk.sequence, FinishReason.LENGTH)
    scheduler.check_idle()


def _num_own_tokens(earlier: list[list[int]], row: list[int]) -> int:
    """What no earlier row begins with, and the last token."""
    shared = [n for n in range(len(row)) if any(row[:n] == other[:n] for other in earlier)]
    return len(row) - max(shared, default=0)


def test_num_own_tokens_is_what_it_says() -> None:
    assert _num_own_tokens([], [1, 2, 3]) == 3
    assert _num_own_tokens([[1, 2], [1, 3, 3]], [1, 3, 2]) == 1
    assert _num_own_tokens([[1, 2]], [1, 2]) == 1
