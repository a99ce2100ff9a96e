"""Labels and examples as people write them: each is taken as it stands, or refused by its place."""

import json
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs.readers import InputError
from jobs.spec import ClassifySpec, Example, Label
from producer.errors import UserError
from producer.labels import drawn, parse_examples, parse_labels

LABELS = (Label(name="billing"), Label(name="bug"))


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.yaml", "- no\n- name: '1.0'\n  description: of a day\n  examples: [a, 2024-01-01]\n"),
        ("l.yml", "no:\n1.0: {description: of a day, examples: [a, 2024-01-01]}\n"),
        ("l.json", '["no", {"name": "1.0", "description": "of a day", "examples": ["a", "2024-01-01"]}]'),
        ("l.json", '{"no": "", "1.0": {"description": "of a day", "examples": ["a", "2024-01-01"]}}'),
    ],
)
def test_labels_of_a_file_are_taken_as_they_are_written(tmp_path: Path, name: str, text: str) -> None:
    given = parse_labels(None, _file(tmp_path, name, text))
    assert given.labels == (Label(name="no"), Label(name="1.0", description="of a day"))
    assert [(each.label, each.text) for each in given.examples] == [("1.0", "a"), ("1.0", "2024-01-01")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n- {name: b, colour: red}\n", "label 'b'.*colour.*name, description and examples"),
        ("- a\n- [b]\n", "label 2 is.*give a name"),
        ("- a\n- {description: x}\n", "label 2: name"),
        ("- a\n- {name: b, examples: ['']}\n", "label 'b' has an empty example"),
        ("a: x\nb: y\na: z\n", r"l\.yaml:3.*'a' is there twice"),
        ("- a\n  b: [\n", r"l\.yaml:\d"),
        ("- !!python/object/apply:os.getcwd []\n", r"l\.yaml.*label 1 is"),
        ("just words", "must hold a list of labels"),
        ("- &a billing\n- *a\n", r"l\.yaml:2.*\*a is an alias: write out"),
    ],
)
def test_a_label_that_cannot_be_used_is_told_by_file_and_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as refused:
        parse_labels(None, _file(tmp_path, "l.yaml", text))
    assert "l.yaml" in str(refused.value)


def test_a_file_of_a_few_lines_that_stands_for_more_than_there_is_memory_is_refused(tmp_path: Path) -> None:
    bomb = ["&a [x,x,x,x,x,x,x,x,x,x]"]
    bomb += [f"&{name} [{','.join(['*' + before] * 10)}]" for before, name in pairwise("abcdefghi")]
    with pytest.raises(UserError, match=r"l\.yaml:2.*alias"):
        parse_labels(None, _file(tmp_path, "l.yaml", f"- a\n- [{','.join(bomb)}]\n"))


@pytest.mark.parametrize("odd", ["bug\x1b[31m", "two\nlines", "a\u202eb", "a\u2028b", "tab\t"])
def test_a_label_that_would_not_be_seen_as_it_is_is_refused(tmp_path: Path, odd: str) -> None:
    file = tmp_path / "l.json"
    file.write_text(json.dumps(["billing", f"x{odd}x"]))
    with pytest.raises(UserError, match=r"can't be used: name: .*has the character U\+.*take it out"):
        parse_labels(None, file)


@pytest.mark.parametrize("name", ["bug", "Größe", "👩\u200d💻", "未払い", "no\u00a0break"])
def test_labels_of_every_script_are_taken_as_they_are(name: str) -> None:
    assert parse_labels(f"other,{name}", None).labels[1].name == name


def test_labels_that_differ_in_how_an_accent_is_written_read_alike() -> None:
    composed, apart = (unicodedata.normalize(form, "réclamé") for form in ("NFC", "NFD"))
    with pytest.raises(ValidationError, match="read alike"):
        ClassifySpec(labels=(Label(name=composed), Label(name=apart)))
    given = ClassifySpec(labels=(Label(name="other"), Label(name=apart)))
    assert given.labels[1].name == apart, "returned as it was given"


def test_a_large_item_in_place_of_a_label_is_shown_in_short(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="label 1 is") as refused:
        parse_labels(None, _file(tmp_path, "l.json", json.dumps([[["x" * 99] * 99] * 99])))
    assert len(str(refused.value)) < 600
    assert "name, description and examples" in str(refused.value)


def test_labels_given_twice_over_are_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="both --labels and --labels-file are given: give one"):
        parse_labels("a,b", _file(tmp_path, "l.yaml", "- a\n- b\n"))


@pytest.mark.parametrize("name", ["history.csv", "history.JSONL", "history.parquet"])
def test_a_table_of_labelled_texts_is_sent_where_it_belongs(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"{name} is a table: give labelled texts as --examples .*{name}"):
        parse_labels(None, _file(tmp_path, name, "text,label\na,x\n"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x,refund", "'refund' in 'label' is not among the labels billing, bug"),
        (",bug", "has no text"),
        ("  ,bug", "has no text"),
        ("x,", "'' in 'label' is not among"),
    ],
)
def test_an_example_that_cannot_be_used_is_told_by_its_line(tmp_path: Path, line: str, told: str) -> None:
    file = _file(tmp_path, "e.csv", f"text,label\nfine,bug\n{line}\n")
    with pytest.raises(InputError, match=rf"e\.csv:3: .*{told}"):
        parse_examples(file, None, "label", LABELS)


def test_examples_without_a_column_of_labels_name_the_option(tmp_path: Path) -> None:
    file = _file(tmp_path, "e.csv", "text,topic\nfine,bug\n")
    with pytest.raises(InputError, match="no column 'label'; --label-field"):
        parse_examples(file, None, "label", LABELS)
    assert parse_examples(file, None, "topic", LABELS) == (Example(text="fine", label="bug"),)


@pytest.mark.parametrize(
    ("column", "asked"),
    [("body", "body"), ("text", "body"), ("text", None), ("prompt", "body"), ("words", None)],
)
def test_the_texts_of_examples_need_not_be_called_as_the_inputs(
    tmp_path: Path, column: str, asked: str | None
) -> None:
    file = _file(tmp_path, "e.csv", f"id,{column},label\n1,fine,bug\n")
    assert parse_examples(file, asked, "label", LABELS) == (Example(text="fine", label="bug"),)


@pytest.mark.parametrize(
    ("columns", "asked", "told"),
    [
        (
            "words,label",
            "body",
            r"call the one that does 'body' \(--text-field\) or 'text'; columns are: 'words'",
        ),
        ("words,more,label", None, "call the one that does 'text'; columns are: 'words', 'more', 'label'"),
    ],
)
def test_examples_without_a_column_of_texts_name_the_remedy(
    tmp_path: Path, columns: str, asked: str | None, told: str
) -> None:
    file = _file(tmp_path, "e.csv", f"{columns}\n{','.join('x' for _ in columns.split(','))}\n")
    with pytest.raises(InputError, match=rf"e\.csv: no column holds the examples' texts; {told}"):
        parse_examples(file, asked, "label", LABELS)


def test_of_many_examples_as_many_of_each_label_are_drawn_and_always_the_same() -> None:
    many = [Example(text=f"t{n}", label="bug" if n % 3 else "billing") for n in range(90)]
    some = drawn(many, LABELS, 4)
    assert [each.label for each in some] == ["billing"] * 4 + ["bug"] * 4
    assert some == drawn(many, LABELS, 4)
    assert len({each.text for each in some}) == 8
