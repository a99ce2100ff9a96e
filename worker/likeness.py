"""How like the examples of each label a text is, by the model's own hidden states.

A small model learns little from examples in its prompt, and has no room for many. But its hidden states
tell subjects apart, so the nearest example of a label speaks for it (as in kNN prompting, Xu et al. 2023,
arXiv 2303.13824). It takes a third of a pass over the text alone. ops/BENCHMARKS.md has the figures.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

WEIGHT = 6.0
"""What a cosine counts against a log-probability."""

_LEAST_SPREAD = 1e-3  # of a dimension, as a part of the mean one's: a constant dimension tells nothing

Vectors: TypeAlias = npt.NDArray[np.float32]


class Likeness:
    """Examples as vectors; depends on nothing but them, so that it is the same for all workers.

    `labels` has the place of each example's label among `num_labels`.
    """

    def __init__(self, examples: Sequence[Sequence[float]], labels: Sequence[int], num_labels: int) -> None:
        given = np.asarray(examples, dtype=np.float32)  # [num_examples, width]
        spread = given.std(axis=0)
        self._mean = given.mean(axis=0)
        self._spread = spread + np.float32(_LEAST_SPREAD) * spread.mean() + np.float32(1e-12)
        self._examples = self._directions(given)
        self._of_label = [np.flatnonzero(np.asarray(labels) == place) for place in range(num_labels)]

    def bonuses(self, text: Sequence[float]) -> list[float]:
        """For each label what its nearest example adds to its log-probability; 0 where it has none."""
        cosines = self._examples @ self._directions(np.asarray(text, dtype=np.float32))
        return [WEIGHT * float(cosines[own].max()) if own.size else 0.0 for own in self._of_label]

    def _directions(self, vectors: Vectors) -> Vectors:
        scaled = (vectors - self._mean) / self._spread
        length = np.linalg.norm(scaled, axis=-1, keepdims=True)
        directions: Vectors = scaled / np.maximum(length, np.float32(1e-12))
        return directions
