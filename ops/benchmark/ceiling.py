"""What the linear layers alone would allow: the speed of an engine that did nothing else. No I/O."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds by number of rows, straight between the measured ones and on from the last."""

    rows: tuple[int, ...]
    seconds: tuple[float, ...]

    @classmethod
    def of(cls, measured: dict[str, float]) -> "Curve":
        """From a message, whose keys are texts."""
        pairs = sorted((int(rows), seconds) for rows, seconds in measured.items())
        return cls(tuple(rows for rows, _ in pairs), tuple(seconds for _, seconds in pairs))

    def at(self, rows: int) -> float:
        """Seconds for that many rows; none for none."""
        if rows == 0:
            return 0.0
        right = min(max(bisect_left(self.rows, rows), 1), len(self.rows) - 1)
        (x0, x1), (y0, y1) = self.rows[right - 1 : right + 1], self.seconds[right - 1 : right + 1]
        return y0 + (y1 - y0) * (rows - x0) / (x1 - x0)


def ceiling_seconds(details: dict[str, Any], steps: Sequence[tuple[int, int]]) -> float:
    """The time of the layers and the head over these steps, each (rows computed, rows of logits)."""
    layers, head = Curve.of(details["layers"]), Curve.of(details["head"])
    return sum(layers.at(rows) + head.at(logits) for rows, logits in steps)
