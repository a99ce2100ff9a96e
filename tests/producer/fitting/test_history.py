"""Which rows of a history a head is fitted on; what can't be is refused with the remedy."""

from typing import Any

import pytest

from jobs.outcome import Code
from jobs.readers import InputError, InputRow
from producer.errors import UserError
from producer.fitting.history import History, check_labels, read_history


def row(number: int, text: str | None, **columns: Any) -> InputRow:
    error = Code.EMPTY_TEXT if text is None else None
    return InputRow(str(number), f"h.csv:{number}", text, columns, error=error)


def rows(*pairs: tuple[str | None, Any]) -> list[InputRow]:
    return [row(number, text, label=label) for number, (text, label) in enumerate(pairs, 2)]


def read(*pairs: tuple[str | None, Any]) -> History:
    return read_history("h.csv", rows(*pairs), "label")


def test_rows_without_text_or_label_are_left_out_and_counted() -> None:
    history = read(("a", "x"), ("b", ""), ("c", None), (None, "x"), ("d", " y "), ("e", 7))
    assert history.labels == {"2": "x", "6": "y", "7": "7"}
    assert [each.text for each in history.rows] == ["a", "d", "e"]
    assert history.left_out == {"without a label": 2, "empty_text": 1}


def test_a_text_given_twice_counts_once_however_it_is_spaced() -> None:
    history = read(("my card", "x"), ("My  card\n", "x"), ("other", "y"))
    assert history.labels == {"2": "x", "4": "y"}
    assert history.left_out == {"text given before": 1}


def test_a_text_with_several_labels_teaches_nothing() -> None:
    history = read(("my card", "x"), ("my card", "y"), ("other", "y"))
    assert history.labels == {"4": "y"}
    assert history.left_out == {"text given with several labels": 2}


def test_rows_without_a_vector_are_left_out_and_counted() -> None:
    history = read(("a", "x"), ("b", "y")).less({"3": "too_long"})
    assert (history.labels, history.left_out) == ({"2": "x"}, {"too_long": 1})


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"h\.csv.*'lable' \(--label-field\).*'label'"):
        read_history("h.csv", rows(("a", "x")), "lable")


@pytest.mark.parametrize("label", [["x"], True, 1.5, {"a": 1}])
def test_a_label_that_is_no_text_is_refused_with_its_line(label: Any) -> None:
    with pytest.raises(InputError, match=r"h\.csv:2: 'label' must be a text"):
        read(("a", label))


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([], "no row with a text and a label"),
        ([("a", "x"), ("b", "x")], "only the label 'x'.*at least 2 labels"),
        ([("a", "x"), ("a", "y"), ("b", "x")], r"only the label 'x' \(left out: .*2 text given with several"),
        (
            [("a", "x"), ("b", "y"), ("c", "x")],
            "'y' has 1 row .*; 2 folds need 2 different texts of each.*--folds",
        ),
        ([("a", "Bug"), ("b", "Bug"), ("c", "bug"), ("d", "bug")], "'Bug' and 'bug' read alike.*history"),
        ([("a", "x"), ("b", "_"), ("c", "x"), ("d", "_")], "no words in it"),
    ],
)
def test_a_history_that_no_head_can_be_fitted_on_is_refused(pairs: Any, told: str) -> None:
    history = read(*pairs, ("no label", None))
    with pytest.raises(UserError, match=told):
        check_labels("h.csv", history, folds=2)


def test_many_rare_labels_are_told_in_one_line() -> None:
    history = read(*((f"t{n}", f"label {n % 20}") for n in range(40)))
    with pytest.raises(UserError, match=r"'label 7' has 2 rows, and 12 more labels have too few"):
        check_labels("h.csv", history, folds=5)


def test_a_column_of_nearly_all_different_values_is_hardly_that_of_the_labels() -> None:
    history = read(*((f"t{n}", f"ticket {n or 1}") for n in range(20)))
    with pytest.raises(UserError, match=r"19 different labels in 20 rows: name the column .* --label-field"):
        check_labels("h.csv", history, folds=2)
