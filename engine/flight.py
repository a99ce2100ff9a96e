"""A step in flight: it has been launched, and its results have not been taken."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

from engine.protocols import Launched
from engine.sequence import Chunk

# To take a step's results before the next is launched costs the host's share of a step, up to a fifth. To
# launch the next without the sequences that wait for them costs these a step.
MOST_HELD_UP = 1 / 8


@dataclass(frozen=True, slots=True)
class Flight:
    """A step's chunks, when its scheduling began, and how long the runner had nothing to do meanwhile."""

    chunks: Seq[Chunk]
    launched: Launched
    started_s: float
    scheduling_s: float

    @property
    def holds_up_many(self) -> bool:
        """Whether so many of its sequences need its results to go on that the next step should have them.

        Otherwise sequences that came in different steps would for ever run in turns, in half-empty steps.
        """
        held_up = sum(chunk.is_last and chunk.sequence.waits_for_host for chunk in self.chunks)
        return held_up > MOST_HELD_UP * len(self.chunks)
