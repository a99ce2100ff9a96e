"""The sequences that wait for their turn."""

import heapq

from engine.sequence import Sequence, Status


class WaitingQueue:
    """Waiting sequences by rank.

    One that ends while it waits stays in the heap until it is popped, or until those that have ended are
    more than half of all: each time they are cleared away pays for as many that have ended.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[int, int], Sequence]] = []
        self._num_ended = 0

    def __len__(self) -> int:
        return len(self._heap) - self._num_ended

    def push(self, sequence: Sequence) -> None:
        """Let a sequence wait."""
        assert sequence.status is Status.WAITING
        heapq.heappush(self._heap, (sequence.rank, sequence))

    def first(self) -> Sequence | None:
        """The first in rank, which stays."""
        while self._heap and self._heap[0][1].status is not Status.WAITING:
            heapq.heappop(self._heap)
            self._num_ended -= 1
        return self._heap[0][1] if self._heap else None

    def pop(self) -> Sequence:
        """Take out what `first` gave."""
        return heapq.heappop(self._heap)[1]

    def note_ended(self) -> None:
        """One of those that wait has ended."""
        self._num_ended += 1
        if self._num_ended > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[1].status is Status.WAITING]
            heapq.heapify(self._heap)
            self._num_ended = 0

    def check_integrity(self) -> None:
        """Prove that those that have ended are counted."""
        assert len(self) == sum(sequence.status is Status.WAITING for _, sequence in self._heap)
