"""What the loop needs of those that decide and those that compute, for decoders and encoders alike."""

from collections.abc import Sequence as Seq
from typing import Protocol

from engine.budget import TokenBudget
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence
from engine.work import ChunkResult


class Scheduling(Protocol):
    """What decides what a step computes."""

    budget: TokenBudget
    out_of_memory_remedy: str

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""

    def prepare(self, sequence: Sequence) -> None:
        """Do ahead, in any thread, what a new sequence's first step would have to do."""

    def add(self, sequence: Sequence) -> None:
        """Let a new sequence wait for its turn."""

    def schedule(self) -> list[Chunk]:
        """The chunks of the next step; it ends with `complete`, or with `abandon` if it failed."""

    def complete(self, chunks: Seq[Chunk]) -> None:
        """Note that a step has computed these chunks."""

    def abandon(self, chunks: Seq[Chunk]) -> None:
        """Note that a step computed nothing."""

    def finish(self, sequence: Sequence, reason: FinishReason | None) -> None:
        """End a sequence that has not ended."""

    def check_idle(self) -> None:
        """Prove, at no cost, that nothing is held while nothing runs."""


class Runner(Protocol):
    """What computes a step."""

    def run(self, chunks: Seq[Chunk]) -> list[ChunkResult]:
        """Results in the chunks' order.

        If it raises that memory ran out, a smaller step is tried; whatever else it raises fails these chunks'
        sequences and no others.
        """
