"""Right and wrong labels, counted: accuracy, F1, the confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: `support` rows have it, `given` rows got it.

    Precision is None for a label that no row got, recall for one that no row has; F1 is 0 for both.
    """

    label: str
    precision: float | None
    recall: float | None
    f1: float
    support: int
    given: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts[t][g]` rows have the label `labels[t]` and got `labels[g]`; the last column got none."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Classification:
    """Figures of one label per row; a row that got none is wrong.

    `accuracy` is `right / rows`, `accuracy_answered` is `right / answered`, `macro_f1` the plain mean of
    the labels' F1, over all labels that a row has or got.
    """

    rows: int
    answered: int
    right: int
    accuracy: float
    accuracy_answered: float | None
    macro_f1: float
    labels: tuple[LabelFigures, ...]
    confusion: Confusion


def classification(truth: Sequence[str], given: Sequence[str | None]) -> Classification:
    """Compare at least one row's right label with the one that it got, None if it got none."""
    assert len(truth) == len(given) > 0
    labels = sorted({*truth, *(label for label in given if label is not None)})
    number: dict[str | None, int] = {None: len(labels)}
    number |= {label: place for place, label in enumerate(labels)}
    truth_no = np.array([number[label] for label in truth])
    given_no = np.array([number[label] for label in given])
    counts = confusion_matrix(truth_no, given_no, labels=range(len(labels) + 1))[:-1]
    right, answered = int((truth_no == given_no).sum()), int((given_no < len(labels)).sum())
    figures = label_figures(labels, truth_no, given_no)
    return Classification(
        rows=len(truth),
        answered=answered,
        right=right,
        accuracy=right / len(truth),
        accuracy_answered=right / answered if answered else None,
        macro_f1=macro_f1(figures),
        labels=figures,
        confusion=Confusion(tuple(labels), tuple(tuple(map(int, row)) for row in counts)),
    )


def label_figures(labels: Sequence[str], truth: object, given: object) -> tuple[LabelFigures, ...]:
    """Figures of each label; the rows as scikit-learn takes them, numbered as in `labels`."""
    numbers = range(len(labels))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, given, labels=numbers, zero_division=0.0
    )
    _, _, _, num_given = precision_recall_fscore_support(given, truth, labels=numbers, zero_division=0.0)
    return tuple(
        LabelFigures(
            label=label,
            precision=float(precision[place]) if num_given[place] else None,
            recall=float(recall[place]) if support[place] else None,
            f1=float(f1[place]),
            support=int(support[place]),
            given=int(num_given[place]),
        )
        for place, label in enumerate(labels)
    )


def macro_f1(figures: Sequence[LabelFigures]) -> float:
    return sum(each.f1 for each in figures) / len(figures) if figures else 0.0
