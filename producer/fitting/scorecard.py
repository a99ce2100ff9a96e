"""How probabilities of held-out rows compare with their labels: figures, and thresholds for a precision."""

from collections.abc import Sequence

import numpy as np

from jobs.heads import LabelScore, Scorecard
from producer.fitting.logits import Flags, Floats, Indices

PRECISIONS = (0.9, 0.95, 0.99)
_BINS = 15
_LEAST_ROWS = 20  # a threshold that fewer rows pass says little


def score(labels: Sequence[str], probabilities: Floats, targets: Indices) -> Scorecard:
    """`probabilities` [rows, labels]; `targets` [rows] are the right labels' places."""
    guesses = probabilities.argmax(axis=1)
    by_label = tuple(_label_score(label, guesses == n, targets == n) for n, label in enumerate(labels))
    right = np.maximum(probabilities[np.arange(len(targets)), targets], np.finfo(np.float64).tiny)
    confidences, is_right = probabilities.max(axis=1), guesses == targets
    return Scorecard(
        rows=len(targets),
        accuracy=float(np.mean(is_right)),
        macro_f1=float(np.mean([each.f1 for each in by_label])),
        log_loss=float(-np.mean(np.log(right))),
        calibration_error=calibration_error(confidences, is_right),
        coverage={f"{wanted:g}": coverage(confidences, is_right, wanted) for wanted in PRECISIONS},
        labels=by_label,
    )


def calibration_error(confidences: Floats, is_right: Flags) -> float:
    """Over bins of equal width: |share that is right - mean confidence|, weighted by rows."""
    bins = np.minimum((confidences * _BINS).astype(np.intp), _BINS - 1)
    gaps = np.bincount(bins, is_right.astype(np.float64) - confidences, _BINS)
    return float(np.abs(gaps).sum() / len(confidences))


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


def _label_score(label: str, guessed: Flags, meant: Flags) -> LabelScore:
    hits = int(np.sum(guessed & meant))
    precision = hits / max(int(guessed.sum()), 1)
    recall = hits / max(int(meant.sum()), 1)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return LabelScore(label=label, precision=precision, recall=recall, f1=f1, support=int(meant.sum()))
