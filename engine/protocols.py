"""What the loop needs of those that decide and those that compute, for decoders and encoders alike."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
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
        """The chunks of the next step; it ends with `complete`, or with `abandon` if its launch failed.

        Empty where nothing can be computed before the results of a step are taken.
        """

    def complete(self, chunks: Seq[Chunk]) -> None:
        """Note that a step that has been launched computes these chunks."""

    def abandon(self, chunks: Seq[Chunk]) -> None:
        """Note that a step computed nothing."""

    def finish(self, sequence: Sequence, reason: FinishReason | None) -> None:
        """End a sequence that has not ended."""

    def reset_cache(self) -> None:
        """Offer nothing any more of what has been computed, since a step that was launched failed later."""

    def check_idle(self) -> None:
        """Prove, at no cost, that nothing is held while nothing runs."""


class Launched(Protocol):
    """A step that its runner has started."""

    def results(self) -> list[ChunkResult]:
        """Wait for the step; results in the chunks' order, None where a chunk yields nothing yet.

        What it raises is an error of the device that came late: it fails this step and the one behind it,
        which is not asked then. One that says that the device is lost (`is_device_lost`) ends the engine.
        """


class Runner(Protocol):
    """What computes steps, in the order in which they are launched."""

    @property
    def runs_ahead(self) -> bool:
        """Whether it takes a step before the results of the last one have been asked for."""

    def launch(self, chunks: Seq[Chunk]) -> Launched:
        """Start a step: whatever is launched after it finds its KV written.

        A chunk whose `end` lies beyond its sequence's known tokens is one token, whose id this runner has:
        it is what the launch before gives for that sequence.

        If it raises that memory ran out, a smaller step is tried; whatever else it raises fails these chunks'
        sequences and no others, but for an error that says that the device is lost, which ends the engine.
        """


@dataclass(frozen=True, slots=True)
class Computed:
    """A step that was over when its launch returned."""

    of_chunks: list[ChunkResult]

    def results(self) -> list[ChunkResult]:
        """At once."""
        return self.of_chunks
