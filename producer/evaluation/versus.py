"""Two results against each other, on the rows that both have an outcome for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producer.evaluation.difference import Difference, Statistic, mean_difference, statistic_difference
from producer.evaluation.joining import Pair
from producer.evaluation.label_evaluation import given_label
from producer.evaluation.label_set_evaluation import given_labels
from producer.evaluation.summary_evaluation import FIGURES, Read


@dataclass(frozen=True, slots=True)
class NamedDifference:
    """A figure of ours less the same of theirs."""

    name: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Versus:
    """The other results, and how ours differ on the `rows` rows that both have."""

    other: str
    rows: int
    differences: tuple[NamedDifference, ...]


Both = list[tuple[Pair[str], Pair[str]]]


def compare_labels(other: str, ours: Sequence[Pair[str]], theirs: Sequence[Pair[str]]) -> Versus:
    """Accuracy and macro F1, failed rows and those without a label counted as wrong."""
    by_id = {pair.id: pair for pair in theirs}
    both = [(pair, by_id[pair.id]) for pair in ours if pair.id in by_id]
    right = [[float(given_label(pair) == pair.truth) for pair in side] for side in zip(*both, strict=True)]
    found = [NamedDifference("accuracy", mean_difference(*right))] if both else []
    if both:
        f1 = statistic_difference(len(both), *_macro_f1s(both))
        found.append(NamedDifference("macro_f1", f1))
    return Versus(other, len(both), tuple(found))


def _macro_f1s(both: Both) -> list[Statistic]:
    labels = sorted(
        {label for pairs in both for pair in pairs for label in (pair.truth, given_label(pair)) if label}
    )
    number: dict[str | None, int] = {label: place for place, label in enumerate(labels)}
    number[None] = len(labels)
    truth = np.array([number[ours.truth] for ours, _ in both])
    sides = (np.array([number[given_label(pair)] for pair in side]) for side in zip(*both, strict=True))
    return [_macro_f1_of(truth, given, len(labels) + 1) for given in sides]


def _macro_f1_of(truth: NDArray[np.int64], given: NDArray[np.int64], size: int) -> Statistic:
    """As scikit-learn counts it, a hundred times faster; the last number stands for no label."""

    def of(rows: NDArray[np.int64]) -> float:
        support = np.bincount(truth[rows], minlength=size)[:-1]
        num_given = np.bincount(given[rows], minlength=size)[:-1]
        right = rows[truth[rows] == given[rows]]
        hits = np.bincount(truth[right], minlength=size)[:-1]
        seen = support + num_given > 0
        return float((2 * hits[seen] / (support + num_given)[seen]).mean())

    return of


def compare_label_sets(
    other: str, ours: Sequence[Pair[frozenset[str]]], theirs: Sequence[Pair[frozenset[str]]]
) -> Versus:
    """The share of rows that are right as a whole."""
    by_id = {pair.id: given_labels(pair) for pair in theirs}
    both = [(pair.truth, given_labels(pair), by_id[pair.id]) for pair in ours if pair.id in by_id]
    right = [(float(mine == truth), float(other == truth)) for truth, mine, other in both]
    return Versus(other, len(both), tuple(_means("subset_accuracy", right)))


def compare_summaries(other: str, ours: Sequence[Read], theirs: Sequence[Read]) -> Versus:
    """Every figure, over the rows where both summaries have it."""
    by_id = {read.id: read for read in theirs}
    both = [(read, by_id[read.id]) for read in ours if read.id in by_id]
    found: list[NamedDifference] = []
    for name in FIGURES:
        values = ((mine.value(name), other.value(name)) for mine, other in both)
        found += _means(
            name, [(mine, other) for mine, other in values if mine is not None and other is not None]
        )
    return Versus(other, len(both), tuple(found))


def _means(name: str, values: Sequence[tuple[float, float]]) -> Iterable[NamedDifference]:
    if values:
        ours, theirs = zip(*values, strict=True)
        yield NamedDifference(name, mean_difference(ours, theirs))
