"""The table that says what is right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue

from jobs.readers import (
    USUAL_ID_FIELD,
    USUAL_TEXT_FIELDS,
    InputError,
    Table,
    check_field,
    open_table,
    record_id,
)
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from producer.evaluation.answers import label_set, label_text
from producer.evaluation.results import marked

TruthT = TypeVar("TruthT")
Read = Callable[[JsonValue, str], TruthT | None]


@dataclass(frozen=True, slots=True)
class Truth(Generic[TruthT]):
    """What is right for each id, the texts that the table has of them, and the ids it says nothing of."""

    name: str
    values: dict[str, TruthT]
    texts: dict[str, str]
    empty: frozenset[str]


@dataclass(frozen=True, slots=True)
class TruthFields:
    """The columns; `option` is how the user names the first. Without an id column, lines are ids."""

    truth: str
    option: str
    id: str | None
    text: str | None


def read_truth(
    source: str, fields: TruthFields, read: Read[TruthT], access: S3Access = DEFAULT_ACCESS
) -> Truth[TruthT]:
    """Raises `InputError` for a missing column, a value that `read` refuses, and an id that comes twice."""
    values: dict[str, TruthT] = {}
    texts: dict[str, str] = {}
    empty: set[str] = set()
    with open_table(source, access) as table:
        check_field(table.name, table.names, fields.truth, fields.option)
        id_field, text_field = _id_field(table, fields.id), _text_field(table, fields)
        for record in table.records:
            where = f"{table.name}:{record.line_no}"
            columns = marked(record)
            row_id = record_id(record, id_field, where)
            if row_id in values or row_id in empty:
                raise InputError(where, f"the id {row_id!r} comes twice; make ids unique (--id-field)")
            if (value := read(columns.get(fields.truth), where)) is None:
                empty.add(row_id)
                continue
            values[row_id] = value
            if text_field is not None and isinstance(text := columns.get(text_field), str):
                texts[row_id] = text
    return Truth(source, values, texts, frozenset(empty))


def _id_field(table: Table, asked: str | None) -> str | None:
    if asked is not None:
        check_field(table.name, table.names, asked, "--id-field")
        return asked
    return USUAL_ID_FIELD if USUAL_ID_FIELD in table.names else None


def _text_field(table: Table, fields: TruthFields) -> str | None:
    """The texts may as well lie elsewhere, so a column that isn't there is none."""
    usual = USUAL_TEXT_FIELDS if fields.text is None else (fields.text,)
    return next((name for name in usual if name in table.names and name != fields.truth), None)


def one_label(value: JsonValue, where: str) -> str | None:
    return None if value is None else label_text(value, where) or None


def many_labels(value: JsonValue, where: str) -> frozenset[str] | None:
    """An empty text or list says that no label is right, a null says nothing."""
    return None if value is None else label_set(value, where)


def reference(value: JsonValue, where: str) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise InputError(where, f"a reference summary must be a text, not {type(value).__name__}")
    return value
