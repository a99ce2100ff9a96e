"""What runs in an encoder's next step: the waiting text that is first in rank, and those of about its length.

So every step takes the one that has waited longest, whatever its length: none starves. Imports no torch.
"""

import heapq
from bisect import bisect_left
from collections.abc import Sequence as Seq

from engine.budget import TokenBudget
from engine.encoders.batches import BatchLimits, choose_batch
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence, Status

PADDING_SHARE = 1 / 8
LEAST_BUDGET_TOKENS = 8


class EncoderScheduler:
    """Waiting texts by rank and by length, and those in the step that runs. A text is computed whole."""

    out_of_memory_remedy = "give the engine a smaller max_batch_tokens or max_model_len"

    def __init__(
        self, max_batch_tokens: int, max_sequences: int, padding_share: float = PADDING_SHARE
    ) -> None:
        self.budget = TokenBudget(max_batch_tokens, LEAST_BUDGET_TOKENS)
        self.num_padding_tokens = 0  # since the start, of steps that succeeded
        self.running: list[Sequence] = []
        self._max_sequences = max_sequences
        self._padding_share = padding_share
        self._num_arrived = 0
        # One that has left stays in the heap until it comes to its top.
        self._by_rank: list[tuple[tuple[int, int], Sequence]] = []
        self._by_length: list[tuple[int, int]] = []  # length and arrival, ascending, of those that wait
        self._waiting: dict[int, Sequence] = {}  # by arrival

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting)

    @property
    def num_waiting(self) -> int:
        """Texts that wait for their turn."""
        return len(self._waiting)

    def prepare(self, sequence: Sequence) -> None:
        """Nothing is to be done ahead."""

    def add(self, sequence: Sequence) -> None:
        """Let a new text wait for its turn."""
        self._num_arrived += 1
        sequence.arrival = self._num_arrived
        heapq.heappush(self._by_rank, (sequence.rank, sequence))
        self._let_wait(sequence)

    def schedule(self) -> list[Chunk]:
        """The texts of the next step, ascending in length; empty only when none waits."""
        assert not self.running, "the step before was neither completed nor abandoned"
        if (first := self._first()) is None:
            return []
        limits = BatchLimits(self.budget.tokens, self._max_sequences, self._padding_share)
        places = choose_batch(_Lengths(self._by_length), bisect_left(self._by_length, _place(first)), limits)
        arrivals = [arrival for _, arrival in self._by_length[places.start : places.stop]]
        del self._by_length[places.start : places.stop]
        self.running = [self._waiting.pop(arrival) for arrival in arrivals]
        for sequence in self.running:
            sequence.admit([], 0)
        return [Chunk(sequence, 0, len(sequence.token_ids), is_last=True) for sequence in self.running]

    def _first(self) -> Sequence | None:
        while self._by_rank and self._by_rank[0][1].status is not Status.WAITING:
            heapq.heappop(self._by_rank)
        return self._by_rank[0][1] if self._by_rank else None

    def _let_wait(self, sequence: Sequence) -> None:
        place = _place(sequence)
        self._by_length.insert(bisect_left(self._by_length, place), place)
        self._waiting[sequence.arrival] = sequence

    def complete(self, chunks: Seq[Chunk]) -> None:
        """Note that a step has computed these texts."""
        self.num_padding_tokens += num_padding_tokens(chunks)
        for chunk in chunks:
            chunk.sequence.note_computed(chunk)

    def abandon(self, chunks: Seq[Chunk]) -> None:
        """Note that a step computed nothing: its texts wait again; their entries by rank are still there."""
        for chunk in chunks:
            chunk.sequence.preempt()
            self._let_wait(chunk.sequence)
        self.running = []

    def finish(self, sequence: Sequence, reason: FinishReason | None) -> None:
        """End a text, whether it waits or its step has ended."""
        if sequence.status is Status.WAITING:
            del self._by_length[bisect_left(self._by_length, _place(sequence))]
            del self._waiting[sequence.arrival]
        else:
            self.running.remove(sequence)
        sequence.finish(reason)

    def reset_cache(self) -> None:
        """Nothing is cached."""

    def check_idle(self) -> None:
        """Prove that nothing is held while nothing waits."""
        assert not self.running, "nothing waits and a text is held"

    def check_integrity(self) -> None:
        """Prove that each waiting text is known by its length once; an AssertionError says otherwise."""
        assert self._by_length == sorted(map(_place, self._waiting.values()))
        assert all(sequence.status is Status.WAITING for sequence in self._waiting.values())


def num_padding_tokens(chunks: Seq[Chunk]) -> int:
    """What a rectangle around these texts holds beside them."""
    lengths = [chunk.num_tokens for chunk in chunks]
    return len(lengths) * max(lengths) - sum(lengths)


class _Lengths(Seq[int]):
    """The lengths alone."""

    def __init__(self, places: list[tuple[int, int]]) -> None:
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> int:  # type: ignore[override]  # no slices are asked for
        return self._places[place][0]


def _place(sequence: Sequence) -> tuple[int, int]:
    return len(sequence.token_ids), sequence.arrival
