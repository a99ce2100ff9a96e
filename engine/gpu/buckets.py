"""Numbers of rows that CUDA graphs of decode steps are captured for. Imports no torch."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import takewhile

FEW = (1, 2, 4)  # where a row more costs most, of what the weights' reading does not hide
STEP = 8  # above that; a step of matrix products' rows
MOST = 512  # beyond that a step takes so long that launching its kernels one by one holds nothing up


@dataclass(frozen=True, slots=True)
class Buckets:
    """Padded batch sizes, ascending."""

    sizes: tuple[int, ...]

    @classmethod
    def up_to(cls, max_sequences: int) -> "Buckets":
        """1, 2, 4, 8, 16, 24 and so on, and `max_sequences` itself, unless it is above MOST."""
        most = min(max_sequences, MOST)
        sizes = takewhile(lambda size: size < most, (*FEW, *range(STEP, most, STEP)))
        return cls((*sizes, most))

    @property
    def largest(self) -> int:
        """More rows than that have no graph."""
        return self.sizes[-1]

    def bucket_for(self, num_sequences: int) -> int | None:
        """The smallest size for so many sequences; None above the largest."""
        place = bisect_left(self.sizes, num_sequences)
        return self.sizes[place] if place < len(self.sizes) else None
