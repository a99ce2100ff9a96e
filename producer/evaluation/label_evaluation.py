"""A classification's results against the right labels: one label a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from producer.evaluation.answers import OneLabel
from producer.evaluation.calibration import (
    PRECISIONS,
    Calibration,
    Coverage,
    calibration,
    coverage_at_precision,
)
from producer.evaluation.classification import Classification, Confusion, classification
from producer.evaluation.joining import Pair, RowCounts
from producer.evaluation.unknown_labels import UnknownLabel, unknown_labels

NUM_WORST = 20
NUM_CONFUSED = 10


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row whose label is wrong; the text where the truth's table has it."""

    id: str
    truth: str
    given: str
    confidence: float | None
    text: str | None


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """`rows` rows are `truth` and were taken for `given`."""

    truth: str
    given: str
    rows: int


@dataclass(frozen=True, slots=True)
class LabelEvaluation:
    """All of it; without confidences there is neither calibration nor coverage.

    `accuracy_of_truth` counts rows that the results don't have as wrong, None where they have all. `worst`
    are wrong labels, the surest first. `never_offered` are right labels that the job did not know.
    """

    rows: RowCounts
    abstained: int
    figures: Classification
    accuracy_of_truth: float | None
    calibration: Calibration | None
    coverage: tuple[Coverage, ...]
    most_confused: tuple[ConfusedPair, ...]
    worst: tuple[Mistake, ...]
    never_offered: tuple[UnknownLabel, ...]
    kind: Literal["label"] = "label"


def evaluate_labels(pairs: Sequence[Pair[str]], rows: RowCounts, offered: frozenset[str]) -> LabelEvaluation:
    """Rows that failed and rows that were left without a label count as wrong."""
    answers = [given_label(pair) for pair in pairs]
    figures = classification([pair.truth for pair in pairs], answers)
    sure, is_right = _confident(pairs)
    return LabelEvaluation(
        rows=rows,
        abstained=rows.answered - figures.answered,
        figures=figures,
        accuracy_of_truth=rows.share_of_truth(figures.right),
        calibration=calibration(sure, is_right) if sure else None,
        coverage=tuple(
            coverage_at_precision(sure, is_right, each, len(pairs)) for each in PRECISIONS if sure
        ),
        most_confused=tuple(_most_confused(figures.confusion)),
        worst=tuple(_worst(pairs)),
        never_offered=unknown_labels({pair.truth for pair in pairs}, offered),
    )


def given_label(pair: Pair[str]) -> str | None:
    return pair.answer.label if isinstance(pair.answer, OneLabel) else None


def _confident(pairs: Sequence[Pair[str]]) -> tuple[list[float], list[bool]]:
    """Confidences of the rows that have a label and one, and whether the label is right."""
    answers = ((pair, pair.answer) for pair in pairs if isinstance(pair.answer, OneLabel))
    found = [
        (answer.confidence, answer.label == pair.truth)
        for pair, answer in answers
        if answer.label is not None and answer.confidence is not None
    ]
    return [confidence for confidence, _ in found], [right for _, right in found]


def _most_confused(confusion: Confusion) -> list[ConfusedPair]:
    labels = confusion.labels
    wrong = [
        ConfusedPair(labels[truth], labels[given], rows)
        for truth, counts in enumerate(confusion.counts)
        for given, rows in enumerate(counts[:-1])
        if rows and given != truth
    ]
    return sorted(wrong, key=lambda pair: -pair.rows)[:NUM_CONFUSED]


def _worst(pairs: Sequence[Pair[str]]) -> list[Mistake]:
    wrong = [
        Mistake(pair.id, pair.truth, pair.answer.label, pair.answer.confidence, pair.text)
        for pair in pairs
        if isinstance(pair.answer, OneLabel) and pair.answer.label not in (None, pair.truth)
        if pair.answer.label is not None
    ]
    return sorted(wrong, key=lambda mistake: -(mistake.confidence or 0.0))[:NUM_WORST]
