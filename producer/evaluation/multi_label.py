"""Any number of labels per row: micro and macro F1, and rows that are right as a whole."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from producer.evaluation.classification import LabelFigures, label_figures, macro_f1


@dataclass(frozen=True, slots=True)
class MultiLabel:
    """Figures of sets of labels; a row that got no answer counts as one with no label, and as wrong.

    `subset_accuracy` is the share of rows whose set is right as a whole; `micro_f1` counts every label of
    every row alike, `macro_f1` every label that a row has or got.
    """

    rows: int
    answered: int
    right: int
    subset_accuracy: float
    micro_f1: float
    macro_f1: float
    labels: tuple[LabelFigures, ...]


def multi_label(truth: Sequence[Set[str]], given: Sequence[Set[str] | None]) -> MultiLabel:
    """Compare at least one row's right labels with those it got, None if it got no answer."""
    assert len(truth) == len(given) > 0
    answers = [each or frozenset() for each in given]
    labels = sorted(set().union(*truth, *answers))
    right = sum(right == answer for right, answer in zip(truth, given, strict=True))
    figures: tuple[LabelFigures, ...] = ()
    micro = 0.0
    if labels:
        # The column that no row has: scikit-learn takes a single one for single labels.
        binary = MultiLabelBinarizer(classes=[*labels, None], sparse_output=True)
        truth_matrix, given_matrix = binary.fit_transform(truth), binary.transform(answers)
        figures = label_figures(labels, truth_matrix, given_matrix)
        micro = float(f1_score(truth_matrix, given_matrix, average="micro", zero_division=0.0))
    return MultiLabel(
        rows=len(truth),
        answered=sum(each is not None for each in given),
        right=right,
        subset_accuracy=right / len(truth),
        micro_f1=micro,
        macro_f1=macro_f1(figures),
        labels=figures,
    )
