"""What somebody waits for: a request, and the sequences that make it up."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from engine.sequence import Sequence, Status


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A request's sequences, which end together, and the future that hears of it."""

    sequences: tuple[Sequence, ...]
    future: Future[Any]

    @property
    def has_ended(self) -> bool:
        """Whether all of them have."""
        return all(sequence.status is Status.FINISHED for sequence in self.sequences)
