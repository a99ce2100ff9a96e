"""Labels and labelled examples from the command line and from files."""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.readers import (
    TABLE_SUFFIXES,
    USUAL_ID_FIELD,
    USUAL_TEXT_FIELDS,
    InputError,
    InputRow,
    open_table,
    read_rows,
)
from jobs.spec import Example, Label
from jobs.validation import own_words
from producer.errors import UserError
from producer.option_files import from_json, read_text
from producer.plain import shown

GIVE_LABELS = "give the labels as --labels a,b,c or as --labels-file FILE, or --head HEAD of `bydawn fit`"

_SEED = 0
_KEYS = "name, description and examples"


class _Given(BaseModel):
    """A label as a file has it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str | None = None
    examples: list[str] = Field(default_factory=list)


class LabelSet(BaseModel):
    """Labels, and the examples that came with them."""

    labels: tuple[Label, ...] = ()
    examples: tuple[Example, ...] = ()


class _StrictLoader(yaml.BaseLoader):  # type: ignore[misc]  # it ships no types
    """Builds texts, lists and mappings only: `no`, `1.0` and `2024-01-01` are labels as they are written.

    Without aliases, by which a few lines stand for more than there is memory.
    """

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            problem = f"*{event.anchor} is an alias: write out what it stands for"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def _mapping_without_twins(loader: _StrictLoader, node: yaml.MappingNode) -> dict[str, Any]:
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    seen: set[str] = set()
    for key, value in pairs:
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, "a name must be a text", value.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", value.start_mark)
        seen.add(key)
    return {key: loader.construct_object(value, deep=True) for key, value in pairs}


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_twins)


def parse_labels(labels: str | None, labels_file: Path | None) -> LabelSet:
    """Labels from `--labels a,b` or from a YAML or JSON file.

    The file holds a list of names or of mappings with name, description and examples, or one mapping of
    names to descriptions; none of them where neither is given: they may be the model's. Raises UserError with
    the file, the label and the remedy.
    """
    if labels is not None and labels_file is not None:
        raise UserError("both --labels and --labels-file are given: give one of the two")
    if labels is None and labels_file is None:
        return LabelSet()
    found = _found(labels, labels_file)
    if not found.labels:
        raise UserError(f"{labels_file or '--labels'} names no label: give at least 2")
    return found


def _found(labels: str | None, labels_file: Path | None) -> LabelSet:
    if labels_file is None:
        names = (name.strip() for name in (labels or "").split(","))
        return LabelSet(labels=tuple(_label("--labels", _Given(name=name)) for name in names if name))
    given = [_given(labels_file, number, item) for number, item in enumerate(_items(labels_file), 1)]
    return LabelSet(
        labels=tuple(_label(str(labels_file), each) for each in given),
        examples=tuple(
            Example(text=_text(labels_file, each, text), label=each.name)
            for each in given
            for text in each.examples
        ),
    )


def _items(file: Path) -> list[Any]:
    match _read(file):
        case dict() as by_name:
            return [_described(name, value) for name, value in by_name.items()]
        case list() as items:
            return items
        case _:
            raise UserError(f"{file} must hold a list of labels, or a mapping of names to descriptions")


def _described(name: str, value: Any) -> Any:
    """`{billing: invoices and refunds}`, or `{billing: {description: ..., examples: [...]}}`."""
    if isinstance(value, dict):
        return {"name": name, **value}
    return {"name": name, "description": value or None}


def _given(file: Path, number: int, item: Any) -> _Given:
    given = {"name": item} if isinstance(item, str) else item
    if not isinstance(given, dict):
        raise UserError(f"{file}: label {number} is {shown(item)}; give a name, or a mapping with {_KEYS}")
    try:
        return _Given.model_validate(given)
    except ValidationError as error:
        name = given.get("name", number)
        raise UserError(f"{file}: label {shown(name)}: {_reasons(error)}; a label has {_KEYS}") from error


def _label(where: str, given: _Given) -> Label:
    try:
        return Label(name=given.name, description=given.description)
    except ValidationError as error:
        raise UserError(f"{where}: label {shown(given.name)} can't be used: {_reasons(error)}") from error


def _text(file: Path, given: _Given, text: str) -> str:
    if not text.strip():
        raise UserError(f"{file}: label {given.name!r} has an empty example; take it out, or give it a text")
    return text


def _reasons(error: ValidationError) -> str:
    told = ((".".join(map(str, each["loc"])), own_words(each)) for each in error.errors())
    return "; ".join(f"{where}: {reason}" for where, reason in told)


def _read(file: Path) -> Any:
    if file.suffix.lower() in TABLE_SUFFIXES:
        raise UserError(
            f"--labels-file {file} is a table: give labelled texts as --examples {file}, and the labels "
            "themselves as --labels a,b,c or as YAML or JSON"
        )
    text = read_text(file)
    # JSON apart: its \/ and its tabs are no YAML.
    if file.suffix.lower() == ".json":
        return from_json(file, text, "YAML needs the suffix .yaml")
    return _from_yaml(file, text)


def _from_yaml(file: Path, text: str) -> Any:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - it makes nothing but texts, lists and mappings
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise UserError(f"{file}{line}: not YAML that can be read: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{file} is not YAML that can be read: {type(error).__name__}") from error


def parse_examples(
    file: Path | None, text_field: str | None, label_field: str, labels: Sequence[Label]
) -> tuple[Example, ...]:
    """Labelled rows of a table.

    Raises:
        InputError: at the first row without a text or with a label that isn't one, by its line.
    """
    if file is None:
        return ()
    known = [label.name for label in labels]
    column = _text_column(str(file), text_field, label_field)
    return tuple(
        _example(row, label_field, known) for row in read_rows(str(file), text_field=column, id_field=None)
    )


def _text_column(file: str, asked: str | None, label_field: str) -> str | None:
    """The column of the examples' texts, which needn't be called as the input's; None for the usual ones."""
    with open_table(file) as table:
        names = list(table.names)
    if asked in names:
        return asked
    if any(usual in names for usual in USUAL_TEXT_FIELDS):
        return None
    others = [name for name in names if name not in (label_field, USUAL_ID_FIELD)]
    if asked is None and len(others) == 1:
        return others[0]
    expected = "'text'" if asked is None else f"{asked!r} (--text-field) or 'text'"
    raise InputError(
        file,
        f"no column holds the examples' texts; call the one that does {expected}; columns are: "
        f"{', '.join(map(repr, names))}",
    )


def _example(row: InputRow, label_field: str, known: Sequence[str]) -> Example:
    if not (row.text or "").strip():
        raise InputError(row.where, "the example has no text; give it one, or take the row out")
    if label_field not in row.columns:
        raise InputError(
            row.where,
            f"there is no column {label_field!r}; --label-field names the one with the right labels",
        )
    if (label := row.columns[label_field]) not in known:
        raise InputError(
            row.where, f"{shown(label)} in {label_field!r} is not among the labels {', '.join(known):.400}"
        )
    assert row.text is not None
    return Example(text=row.text, label=str(label))


def drawn(examples: Iterable[Example], labels: Sequence[Label], per_label: int) -> tuple[Example, ...]:
    """At most so many of each label, by lot: a prompt has no room for more. Equal files give equal draws."""
    by_label: dict[str, list[Example]] = {label.name: [] for label in labels}
    for example in examples:
        by_label[example.label].append(example)
    return tuple(example for group in by_label.values() for example in _some(group, per_label))


def _some(group: Sequence[Example], count: int) -> Iterator[Example]:
    yield from random.Random(_SEED).sample(group, min(count, len(group)))  # noqa: S311 - guards nothing
