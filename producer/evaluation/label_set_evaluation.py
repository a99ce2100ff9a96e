"""A classification's results against the right labels: any number of labels a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from producer.evaluation.answers import ManyLabels
from producer.evaluation.joining import Pair, RowCounts
from producer.evaluation.label_evaluation import NUM_WORST
from producer.evaluation.multi_label import MultiLabel, multi_label
from producer.evaluation.unknown_labels import UnknownLabel, unknown_labels


@dataclass(frozen=True, slots=True)
class SetMistake:
    """A row with `missing` labels that it should have got, and `needless` ones."""

    id: str
    missing: tuple[str, ...]
    needless: tuple[str, ...]
    text: str | None

    @property
    def num_wrong(self) -> int:
        return len(self.missing) + len(self.needless)


@dataclass(frozen=True, slots=True)
class LabelSetEvaluation:
    """All of it; `worst` are the rows with the most wrong labels.

    `accuracy_of_truth` counts rows that the results don't have as wrong, None where they have all.
    """

    rows: RowCounts
    abstained: int
    figures: MultiLabel
    accuracy_of_truth: float | None
    worst: tuple[SetMistake, ...]
    never_offered: tuple[UnknownLabel, ...]
    kind: Literal["labels"] = "labels"


def evaluate_label_sets(
    pairs: Sequence[Pair[frozenset[str]]], rows: RowCounts, offered: frozenset[str]
) -> LabelSetEvaluation:
    """Rows that failed and rows that were left without an answer count as wrong."""
    figures = multi_label([pair.truth for pair in pairs], [given_labels(pair) for pair in pairs])
    right = frozenset[str]().union(*(pair.truth for pair in pairs))
    return LabelSetEvaluation(
        rows=rows,
        abstained=rows.answered - figures.answered,
        figures=figures,
        accuracy_of_truth=rows.share_of_truth(figures.right),
        worst=tuple(_worst(pairs)),
        never_offered=unknown_labels(right, offered),
    )


def given_labels(pair: Pair[frozenset[str]]) -> frozenset[str] | None:
    return pair.answer.labels if isinstance(pair.answer, ManyLabels) else None


def _worst(pairs: Sequence[Pair[frozenset[str]]]) -> list[SetMistake]:
    wrong = [
        SetMistake(pair.id, tuple(sorted(pair.truth - given)), tuple(sorted(given - pair.truth)), pair.text)
        for pair in pairs
        if (given := given_labels(pair)) is not None and given != pair.truth
    ]
    return sorted(wrong, key=lambda mistake: -mistake.num_wrong)[:NUM_WORST]
