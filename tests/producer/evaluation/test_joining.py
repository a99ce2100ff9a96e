"""Truth and outcomes meet by id, and whatever meets nothing is counted."""

from pathlib import Path

import pytest

from jobs.readers import InputError
from producer.errors import UserError
from producer.evaluation.answers import AnswerKind, OneLabel
from producer.evaluation.joining import join
from producer.evaluation.results import Results, read_results
from producer.evaluation.truth import Truth, TruthFields, many_labels, one_label, read_truth, reference

LABEL = TruthFields("label", "--label-field", None, None)


def _results(answers: dict[str, str], ends: dict[str, str] | None = None) -> Results:
    labelled = {row_id: OneLabel(label, None) for row_id, label in answers.items()}
    return Results("results.jsonl", AnswerKind.LABEL, dict(labelled), ends or {})


def _file(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def test_rows_of_either_side_alone_are_counted_with_examples() -> None:
    truth = Truth("truth.csv", {str(n): "a" for n in range(6)}, {}, frozenset({"e"}))
    results = _results({"5": "a", "4": "b", "e": "a", "x": "a"}, {"0": "too_long", "y": "poison"})
    pairs, rows = join(truth, results)
    assert [(pair.id, pair.answer) for pair in pairs] == [
        ("0", None),
        ("4", OneLabel("b", None)),
        ("5", OneLabel("a", None)),
    ]
    assert (rows.compared, rows.answered, rows.failed) == (3, 2, {"too_long": 1})
    assert (rows.without_outcome, rows.without_outcome_examples) == (3, ("1", "2", "3"))
    assert (rows.without_truth, rows.without_truth_examples) == (2, ("x", "y"))
    assert rows.without_value == 1


def test_nothing_in_common_is_refused_with_ids_of_both_sides() -> None:
    truth = Truth("truth.csv", {"T-1": "a", "T-2": "b"}, {}, frozenset())
    with pytest.raises(
        UserError, match=r"results\.jsonl is in truth\.csv: ids there are '1', '2', here 'T-1'"
    ):
        join(truth, _results({"1": "a"}, {"2": "poison"}))


def test_the_truth_is_read_from_the_columns_that_were_named(tmp_path: Path) -> None:
    source = _file(tmp_path, "t.csv", "ticket,topic,body\nT1,a,hi\nT2,,ho\nT3,b,\n")
    found = read_truth(source, TruthFields("topic", "--label-field", "ticket", "body"), one_label)
    assert found.values == {"T1": "a", "T3": "b"}
    assert found.texts == {"T1": "hi", "T3": ""}
    assert found.empty == {"T2"}


def test_without_an_id_column_lines_are_ids_as_they_are_for_a_job(tmp_path: Path) -> None:
    assert read_truth(_file(tmp_path, "t.csv", "label\na\nb\n"), LABEL, one_label).values == {
        "2": "a",
        "3": "b",
    }


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ('["a", "b"]', {"a", "b"}),
        ('"a|b"', {"a", "b"}),
        ('""', set()),
        ("[]", set()),
        ("null", None),
        ("3", {"3"}),
        ('[" a", "b ", " "]', {"a", "b"}),
    ],
)
def test_several_right_labels_come_as_a_list_or_with_bars(
    tmp_path: Path, value: str, labels: set[str] | None
) -> None:
    source = _file(tmp_path, "t.jsonl", f'{{"id": "1", "label": {value}}}\n')
    found = read_truth(source, LABEL, many_labels)
    assert found.values == ({} if labels is None else {"1": labels})


def test_blanks_around_a_label_are_no_part_of_it_on_either_side(tmp_path: Path) -> None:
    truth = read_truth(_file(tmp_path, "t.csv", "id,label\n1,a \n2,\tb\n3, \n"), LABEL, one_label)
    assert (truth.values, set(truth.empty)) == ({"1": "a", "2": "b"}, {"3"})
    results = _file(tmp_path, "r.jsonl", '{"id": "1", "label": " a", "scores": {" a": 1, "b ": 0}}\n')
    found = read_results(results, None, None)
    assert found.answers["1"] == OneLabel("a", None)
    assert found.offered == {"a", "b"}


@pytest.mark.parametrize("value", ["7", "true", '"7"'])
def test_a_label_that_is_no_text_is_as_json_writes_it(tmp_path: Path, value: str) -> None:
    source = _file(tmp_path, "t.jsonl", f'{{"id": "1", "label": {value}}}\n')
    assert read_truth(source, LABEL, one_label).values == {"1": value.strip('"')}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,lable\n1,a\n", "there is no column 'label' (--label-field); did you mean 'lable'?"),
        ("id,label\n1,a\n1,b\n", "t.csv:3: the id '1' comes twice"),
        ("id,label\n,a\n", "names the row"),
    ],
)
def test_a_truth_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read_truth(_file(tmp_path, "t.csv", text), LABEL, one_label)
    assert said in str(refused.value)


def test_a_list_is_neither_one_label_nor_a_reference() -> None:
    for read in (one_label, reference):
        with pytest.raises(InputError, match=r"t\.jsonl:1: .* must be a text"):
            read(["a"], "t.jsonl:1")
