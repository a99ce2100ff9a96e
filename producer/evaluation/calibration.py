"""What a confidence is worth: how far it is from the share of right answers, and what may be left to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NUM_BINS = 10
PRECISIONS = (0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows with `low < confidence <= high` (the first also 0); without rows there are no means."""

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """`error` is the expected calibration error: the bins' |accuracy - confidence|, weighted by their rows.

    Bins are of equal width and over the confidence of the label that was given (Guo et al. 2017, "On
    Calibration of Modern Neural Networks", arXiv 1706.04599). 0 is perfect; a model that is always sure and
    always wrong has 1.
    """

    rows: int
    error: float
    bins: tuple[Bin, ...]


def calibration(
    confidence: Sequence[float], is_right: Sequence[bool], num_bins: int = NUM_BINS
) -> Calibration:
    """Of at least one answered row; confidences are from 0 to 1."""
    assert len(confidence) == len(is_right) > 0
    sure, right = np.asarray(confidence, float), np.asarray(is_right, float)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    place = np.digitize(sure, edges[1:-1], right=True)
    bins = []
    error = 0.0
    for number in range(num_bins):
        inside = place == number
        rows = int(inside.sum())
        means = (float(sure[inside].mean()), float(right[inside].mean())) if rows else (None, None)
        if rows:
            error += rows / len(sure) * abs(float(right[inside].mean() - sure[inside].mean()))
        bins.append(Bin(float(edges[number]), float(edges[number + 1]), rows, *means))
    return Calibration(len(sure), error, tuple(bins))


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which rows may be answered without a person, if their answers shall be right with `precision`.

    All with `confidence >= threshold`: `answers` rows, `share` of all, of which `reached` were right. No
    threshold, and a share of 0, where none reaches the precision.
    """

    precision: float
    threshold: float | None
    answers: int
    share: float
    reached: float | None


def coverage_at_precision(
    confidence: Sequence[float], is_right: Sequence[bool], precision: float, num_rows: int
) -> Coverage:
    """The lowest threshold whose answers are right often enough; `num_rows` counts the unanswered, too."""
    assert len(confidence) == len(is_right) <= num_rows
    sure, right = np.asarray(confidence, float), np.asarray(is_right, bool)
    order = np.argsort(-sure, kind="stable")
    sure, right = sure[order], right[order]
    answers = np.arange(1, len(sure) + 1)
    share_right = np.cumsum(right) / answers
    # Rows of the same confidence pass a threshold together.
    is_last_of_its_confidence = np.append(sure[1:] != sure[:-1], True)[: len(sure)]
    fitting = np.flatnonzero(is_last_of_its_confidence & (share_right >= precision))
    if not fitting.size:
        return Coverage(precision, None, 0, 0.0, None)
    last = int(fitting[-1])
    return Coverage(precision, float(sure[last]), last + 1, (last + 1) / num_rows, float(share_right[last]))
