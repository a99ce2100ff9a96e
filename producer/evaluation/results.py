"""A job's results, read from where they lie: every row's answer, or why it has none."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.readers import (
    USUAL_ID_FIELD,
    InputError,
    Record,
    Table,
    check_field,
    open_table,
    record_id,
    with_marks,
)
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from producer.evaluation.answers import Answer, AnswerKind, Columns, answer_of, end_of, is_ok, own_fields


@dataclass(frozen=True, slots=True)
class Results:
    """`answers` of the ok rows, `ends` of the others: a code, or a status; `offered` labels, where known."""

    name: str
    kind: AnswerKind
    answers: dict[str, Answer]
    ends: dict[str, str]
    offered: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Draft:
    answers: dict[str, Answer] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    offered: frozenset[str] = frozenset()


def read_results(
    source: str, errors: str | None, id_field: str | None, access: S3Access = DEFAULT_ACCESS
) -> Results:
    """The results at `source`, with the rows of `errors` (a JSONL file) among those without an answer.

    Raises `InputError` for a file that no job writes, and for an id that comes twice.
    """
    draft = _Draft()
    with open_table(source, access) as table:
        fields = own_fields(table)
        for row_id, where, columns in _rows(table, _id_field(table, id_field)):
            _check_new(draft, row_id, where)
            if not is_ok(fields, columns):
                draft.ends[row_id] = end_of(fields, columns)
                continue
            draft.answers[row_id] = answer_of(fields, columns, where)
            if not draft.offered and isinstance(scores := fields.of(columns, "scores"), dict):
                draft.offered = frozenset(label.strip() for label in scores)
    if errors is not None and fields.joined is None:
        _add_ends(draft, errors, access)
    return Results(source, fields.kind, draft.answers, draft.ends, draft.offered)


def _rows(table: Table, id_field: str) -> Iterator[tuple[str, str, Columns]]:
    for record in table.records:
        where = f"{table.name}:{record.line_no}"
        yield record_id(record, id_field, where), where, marked(record)


def marked(record: Record) -> Columns:
    """The record's columns, with U+FFFD for what is no UTF-8."""
    return {str(with_marks(name)): with_marks(value) for name, value in record.columns.items()}


def _id_field(table: Table, asked: str | None) -> str:
    """JSON lines have `id`, whatever the input calls it; joined results have the input's column."""
    if asked is not None and asked in table.names:
        return asked
    check_field(table.name, table.names, USUAL_ID_FIELD, "name the input's id column with --id-field")
    return USUAL_ID_FIELD


def _check_new(draft: _Draft, row_id: str, where: str) -> None:
    if row_id in draft.answers or row_id in draft.ends:
        raise InputError(where, f"the id {row_id!r} comes twice; each row of a job has one outcome")


def _add_ends(draft: _Draft, errors: str, access: S3Access) -> None:
    with open_table(errors, access) as table:
        for row_id, where, columns in _rows(table, USUAL_ID_FIELD):
            _check_new(draft, row_id, where)
            draft.ends[row_id] = str(columns.get("code") or columns.get("status"))
