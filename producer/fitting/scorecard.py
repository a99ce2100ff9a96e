"""How probabilities of held-out rows compare with their labels: figures, and thresholds for a precision."""

from collections.abc import Sequence

import numpy as np

from jobs.heads import LabelScore, Scorecard
from producer.evaluation.calibration import PRECISIONS, calibration
from producer.evaluation.classification import LabelFigures, classification
from producer.fitting.logits import Flags, Floats, Indices

_LEAST_ROWS = 20  # a threshold that fewer rows pass says little


def score(labels: Sequence[str], probabilities: Floats, targets: Indices) -> Scorecard:
    """`probabilities` [rows, labels]; `targets` [rows] are the right labels' places."""
    guesses = probabilities.argmax(axis=1)
    figures = classification([labels[each] for each in targets], [labels[each] for each in guesses])
    right = np.maximum(probabilities[np.arange(len(targets)), targets], np.finfo(np.float64).tiny)
    confidences, is_right = probabilities.max(axis=1), guesses == targets
    return Scorecard(
        rows=len(targets),
        accuracy=figures.accuracy,
        macro_f1=figures.macro_f1,
        log_loss=float(-np.mean(np.log(right))),
        calibration_error=calibration(confidences.tolist(), is_right.tolist()).error,
        coverage={f"{wanted:g}": coverage(confidences, is_right, wanted) for wanted in PRECISIONS},
        labels=tuple(map(_label_score, figures.labels)),
    )


def threshold(confidences: Floats, is_right: Flags, precision: float) -> float | None:
    """The least confidence from which on so many are right; None if there is none that enough rows pass."""
    order = np.argsort(-confidences, kind="stable")
    ranked = confidences[order]
    shares = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
    is_last_of_equals = np.append(ranked[1:] < ranked[:-1], True)
    enough = np.arange(1, len(order) + 1) >= min(_LEAST_ROWS, len(order))
    passing = np.flatnonzero((shares >= precision) & is_last_of_equals & enough)
    return float(ranked[passing[-1]]) if len(passing) else None


def coverage(confidences: Floats, is_right: Flags, precision: float) -> float:
    """The share of rows that pass the threshold of a precision; 0 if there is none."""
    least = threshold(confidences, is_right, precision)
    return 0.0 if least is None else float(np.mean(confidences >= least))


def _label_score(figures: LabelFigures) -> LabelScore:
    return LabelScore(
        label=figures.label,
        precision=figures.precision or 0.0,
        recall=figures.recall or 0.0,
        f1=figures.f1,
        support=figures.support,
    )
