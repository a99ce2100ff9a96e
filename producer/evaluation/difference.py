"""Two systems on the same rows: the difference, and how far chance could have moved it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 2000
LEVEL = 0.95
_SEED = 0
_BATCH_VALUES = 4_000_000

Values = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], float]


@dataclass(frozen=True, slots=True)
class Difference:
    """`ours - theirs` over `rows` pairs; `low` to `high` is the 95 % interval of a paired bootstrap.

    Rows are drawn with replacement 2,000 times, always both systems' values together (Efron 1979; Koehn
    2004, "Statistical Significance Tests for Machine Translation Evaluation"), and the interval is what the
    middle 95 % of these differences span. It leaves 0 out where chance in the choice of rows hardly explains
    the difference. With fewer than some 20 rows it is rather too narrow.
    """

    rows: int
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    higher: int | None = None
    """Rows where ours has the higher value; `lower` likewise; None of figures that no single row has."""
    lower: int | None = None

    @property
    def is_clear(self) -> bool:
        return self.low > 0 or self.high < 0


def mean_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Of the means of at least one pair of values."""
    assert len(ours) == len(theirs) > 0
    mine, other = np.asarray(ours, float), np.asarray(theirs, float)
    pairs = mine - other
    means = _resampled_means(pairs)
    return Difference(
        rows=len(pairs),
        ours=float(mine.mean()),
        theirs=float(other.mean()),
        difference=float(pairs.mean()),
        low=_quantile(means, (1 - LEVEL) / 2),
        high=_quantile(means, (1 + LEVEL) / 2),
        higher=int((pairs > 0).sum()),
        lower=int((pairs < 0).sum()),
    )


def statistic_difference(num_rows: int, ours: Statistic, theirs: Statistic) -> Difference:
    """Of figures that are no mean over rows; each takes the numbers of the rows that it is to be made of."""
    assert num_rows > 0
    every = np.arange(num_rows)
    chance = np.random.default_rng(_SEED)
    draws = (chance.integers(num_rows, size=num_rows) for _ in range(NUM_RESAMPLES))
    differences = np.array([ours(rows) - theirs(rows) for rows in draws])
    mine, other = ours(every), theirs(every)
    return Difference(
        rows=num_rows,
        ours=mine,
        theirs=other,
        difference=mine - other,
        low=_quantile(differences, (1 - LEVEL) / 2),
        high=_quantile(differences, (1 + LEVEL) / 2),
    )


def _resampled_means(values: Values) -> Values:
    chance = np.random.default_rng(_SEED)
    batch = max(1, min(NUM_RESAMPLES, _BATCH_VALUES // len(values)))
    means = []
    for start in range(0, NUM_RESAMPLES, batch):
        size = (min(batch, NUM_RESAMPLES - start), len(values))
        means.append(values[chance.integers(len(values), size=size)].mean(axis=1))
    return np.concatenate(means)


def _quantile(values: Values, share: float) -> float:
    return float(np.quantile(values, share))
