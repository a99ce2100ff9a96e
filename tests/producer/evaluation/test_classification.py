"""Figures of labels against numbers worked by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.evaluation.classification import LabelFigures, classification
from producer.evaluation.multi_label import multi_label

# cat: 3 rows, 2 right; dog: 2 rows, 1 right, 1 without an answer; bird: 1 row, taken for a fish.
TRUTH = ["cat", "cat", "cat", "dog", "dog", "bird"]
GIVEN = ["cat", "cat", "dog", "dog", None, "fish"]

LABELS = st.sampled_from(["a", "b", "c"])
ROWS = st.lists(st.tuples(LABELS, st.none() | LABELS), min_size=1, max_size=30)


def test_figures_are_those_worked_by_hand() -> None:
    figures = classification(TRUTH, GIVEN)
    assert (figures.rows, figures.answered, figures.right) == (6, 5, 3)
    assert figures.accuracy == 3 / 6
    assert figures.accuracy_answered == 3 / 5
    assert figures.labels == (
        LabelFigures("bird", precision=None, recall=0.0, f1=0.0, support=1, given=0),
        LabelFigures("cat", precision=1.0, recall=2 / 3, f1=0.8, support=3, given=2),
        LabelFigures("dog", precision=0.5, recall=0.5, f1=0.5, support=2, given=2),
        LabelFigures("fish", precision=0.0, recall=None, f1=0.0, support=0, given=1),
    )
    assert figures.macro_f1 == pytest.approx((0 + 0.8 + 0.5 + 0) / 4)


def test_the_confusion_matrix_has_a_row_for_each_label_and_a_last_column_for_no_answer() -> None:
    confusion = classification(TRUTH, GIVEN).confusion
    assert confusion.labels == ("bird", "cat", "dog", "fish")
    assert confusion.counts == ((0, 0, 0, 1, 0), (0, 2, 1, 0, 0), (0, 0, 1, 0, 1), (0, 0, 0, 0, 0))


def test_rows_that_all_lack_an_answer_are_all_wrong() -> None:
    figures = classification(["a", "b"], [None, None])
    assert (figures.accuracy, figures.accuracy_answered, figures.macro_f1) == (0.0, None, 0.0)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_every_figure_agrees_with_plain_counting(rows: list[tuple[str, str | None]]) -> None:
    truth, answers = [row[0] for row in rows], [row[1] for row in rows]
    figures = classification(truth, answers)
    assert figures.accuracy == sum(t == g for t, g in rows) / len(rows)
    assert sum(map(sum, figures.confusion.counts)) == len(rows)
    assert sum(each.support for each in figures.labels) == len(rows)
    assert sum(each.given for each in figures.labels) == figures.answered
    assert 0 <= figures.macro_f1 <= 1
    assert (figures.accuracy == 1) is (figures.macro_f1 == 1)


def test_sets_of_labels_are_counted_as_by_hand() -> None:
    truth = [{"a", "b"}, {"a"}, set(), {"c"}]
    figures = multi_label(truth, [{"a"}, {"a"}, set(), {"a", "c"}])
    assert (figures.rows, figures.answered, figures.right, figures.subset_accuracy) == (4, 4, 2, 0.5)
    # Labels said rightly: a twice, c once. Said wrongly: a once. Not said: b once.
    assert figures.micro_f1 == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert [(each.label, each.f1) for each in figures.labels] == [("a", 0.8), ("b", 0.0), ("c", 1.0)]
    assert figures.macro_f1 == pytest.approx(0.6)


def test_a_row_without_an_answer_is_wrong_even_where_no_label_is_right() -> None:
    figures = multi_label([set(), {"a"}], [None, {"a"}])
    assert (figures.right, figures.answered, figures.micro_f1) == (1, 1, 1.0)


def test_rows_that_have_no_label_at_all_can_be_compared() -> None:
    figures = multi_label([set(), set()], [set(), None])
    assert (figures.subset_accuracy, figures.micro_f1, figures.labels) == (0.5, 0.0, ())


@given(ROWS)
@settings(max_examples=30, deadline=None)
def test_single_labels_as_sets_are_right_as_often_as_single_labels(
    rows: list[tuple[str, str | None]],
) -> None:
    as_sets = multi_label([{t} for t, _ in rows], [None if g is None else {g} for _, g in rows])
    single = classification([t for t, _ in rows], [g for _, g in rows])
    assert as_sets.subset_accuracy == single.accuracy
    assert as_sets.labels == single.labels
