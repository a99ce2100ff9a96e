"""What a layer does to its scores, in the base of 2 that the kernels count in. Imports no torch."""

from dataclasses import dataclass
from math import log

LOG2_E = 1 / log(2)


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """Scores times `scaling`; bent below `softcap`; over the last `window` tokens, the own one included."""

    scaling: float
    window: int | None = None
    softcap: float | None = None

    def __post_init__(self) -> None:
        assert self.window is None or self.window > 0
        assert self.softcap is None or self.softcap > 0

    def factor(self, key_scale: float) -> float:
        """What a product of a query and a stored key is multiplied by.

        With a cap it is the exponent of tanh(x) = 1 - 2 / (1 + e^2x), else that of the softmax.
        """
        factor = self.scaling * key_scale * LOG2_E
        return factor if self.softcap is None else 2 * factor / self.softcap

    @property
    def cap(self) -> float:
        """The cap of the softmax's exponent; 0 for none."""
        return 0.0 if self.softcap is None else self.softcap * LOG2_E
