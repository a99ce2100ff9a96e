"""Steps that are launched before the last one's results are known give what steps one by one give."""

from collections.abc import Sequence as Seq
from concurrent.futures import CancelledError
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sequence import Chunk, Sequence, Status
from tests.engine.made_up_device import Device
from tests.engine.made_up_runs import KINDS, Ask, Machine, Run, alone, outcome

NUM_BLOCKS = 9  # so few that many are preempted

prompts = st.builds(
    lambda start, rest: (1, 2, 1, 1, 3, 1, 2, 2, 1)[:start] + tuple(rest),
    st.integers(0, 9),
    st.lists(st.integers(1, 3), min_size=1, max_size=8),
)
asks = st.builds(
    Ask,
    st.sampled_from(KINDS),
    prompts,
    st.integers(1, 14),
    st.integers(0, 500),
    st.integers(0, 1),
    st.sampled_from([1, 1, 1, 2]),
)
machines = st.builds(Machine, st.integers(1, 30), st.integers(1, 6))


@settings(max_examples=150, deadline=None)
@given(asks=st.lists(asks, min_size=1, max_size=10), machine=machines)
def test_ahead_or_not_all_requests_give_the_same(asks: list[Ask], machine: Machine) -> None:
    runs = [Run(machine, Device(runs_ahead), NUM_BLOCKS) for runs_ahead in (False, True)]
    for run in runs:
        run.start(asks)
    one_by_one, ahead = (run.outcomes() for run in runs)
    assert ahead == one_by_one
    if all(isinstance(answer, list) for answer in ahead):
        assert runs[0].loop.totals.output_tokens == runs[1].loop.totals.output_tokens


@dataclass(frozen=True)
class Mishap:
    """What happens at some launch, or when the results of some step are asked for."""

    what: str  # cancel, launch, memory, results, arrive
    at: int
    number: int


mishaps = st.lists(
    st.builds(
        Mishap,
        st.sampled_from(["cancel", "cancel", "launch", "memory", "results", "arrive"]),
        st.integers(0, 25),
        st.integers(0, 9),
    ),
    max_size=5,
)


class Trouble:
    """Lets mishaps happen, and notes whom they may have hit."""

    def __init__(self, mishaps: list[Mishap], late: list[Ask]) -> None:
        self._mishaps = mishaps
        self._late = late
        self._num_launches = self._num_results = 0
        self.hit: set[Sequence] = set()
        self.run: Run

    def before(self, chunks: Seq[Chunk]) -> None:
        at, self._num_launches = self._num_launches, self._num_launches + 1
        for mishap in [each for each in self._mishaps if each.at == at]:
            if mishap.what == "cancel" and mishap.number < len(self.run.futures):
                self.run.futures[mishap.number].cancel()
            elif mishap.what == "arrive" and self._late:
                self.run.submit(self._late.pop())
            elif mishap.what == "memory":
                raise MemoryError
            elif mishap.what == "launch":
                self.hit |= {chunk.sequence for chunk in chunks}
                raise RuntimeError("illegal address")

    def end(self) -> None:
        """Let no more happen."""
        self._mishaps = []

    def at_results(self, chunks: Seq[Chunk]) -> None:
        at, self._num_results = self._num_results, self._num_results + 1
        if any(mishap.what == "results" and mishap.at == at for mishap in self._mishaps):
            in_flight = [*chunks, *self.run.device.chunks[-1]]
            self.hit |= {chunk.sequence for chunk in in_flight}
            raise RuntimeError("illegal address")


@settings(max_examples=250, deadline=None)
@given(
    first=st.lists(asks, min_size=1, max_size=8),
    late=st.lists(asks, max_size=3),
    mishaps=mishaps,
    machine=machines,
)
def test_failed_steps_and_cancellations_cost_only_those_whom_they_hit_their_answers(
    first: list[Ask], late: list[Ask], mishaps: list[Mishap], machine: Machine
) -> None:
    trouble = Trouble(mishaps, late.copy())
    run = trouble.run = Run(machine, Device(True, trouble.before, trouble.at_results), NUM_BLOCKS)
    run.start(first)
    given = [*first, *late[::-1]]
    outcomes = [outcome(future) for future in run.futures]
    run.loop.call(trouble.end)
    run.start([Ask("plain", (1, 2, 3), 4, seed=3)])
    assert run.outcomes()[-1] == alone(Ask("plain", (1, 2, 3), 4, seed=3)), "the engine goes on"
    for ask, sequences, future, seen in zip(given, run.sequences, run.futures, outcomes, strict=False):
        assert all(sequence.status is Status.FINISHED for sequence in sequences)
        if seen is CancelledError:
            assert future.cancelled()
        elif isinstance(seen, tuple) and "illegal address" in seen[1]:
            assert trouble.hit & set(sequences)
        elif isinstance(seen, tuple) and "no memory" in seen[1]:
            assert any(mishap.what == "memory" for mishap in mishaps)
        else:
            assert seen == alone(ask)
