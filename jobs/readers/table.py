"""Records of any format as rows."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydantic import JsonValue

from jobs.outcome import Code
from jobs.readers.fields import Fields, choose_fields
from jobs.readers.row import InputError, InputRow
from jobs.readers.undecodable import is_undecodable, with_marks

MAX_UNDECODABLE_ROWS = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line it starts on, from 1."""

    line_no: int
    columns: dict[str, JsonValue]
    is_known_utf8: bool = False
    """Its bytes are, so what can't be written of it was escaped (JSON's `\\ud83d`, half of a character)."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's column names, those among them that may hold words (also within lists), and its records."""

    name: str
    names: Sequence[str]
    wordy: Sequence[str]
    records: Iterator[Record]


def check_unlike(names: Sequence[str], where: str) -> None:
    """Raise `InputError` where two columns have one name, and one of them would be lost."""
    if repeated := [column for column, times in Counter(names).items() if times > 1]:
        raise InputError(where, f"columns come more than once: {', '.join(repeated)}; rename them")


def table_rows(table: Table, *, text_field: str | None, id_field: str | None) -> Iterator[InputRow]:
    """The rows of a table; raises `InputError` for a row without an id, and for a file that is no UTF-8."""
    fields = choose_fields(table.name, table.names, table.wordy, text_field=text_field, id_field=id_field)
    encoding = _Encoding()
    for record in table.records:
        row = _row(record, fields, f"{table.name}:{record.line_no}")
        yield row
        if not record.is_known_utf8:
            encoding.check(row)


@dataclass(slots=True)
class _Encoding:
    """Tells a UTF-8 file with damaged rows, which fail alone, from a file in another encoding."""

    num_undecodable: int = 0
    is_utf8: bool = False

    def check(self, row: InputRow) -> None:
        self.num_undecodable += row.error is Code.UNDECODABLE
        self.is_utf8 |= row.text is not None and not row.text.isascii()
        if self.num_undecodable == MAX_UNDECODABLE_ROWS and not self.is_utf8:
            raise InputError(
                row.where,
                f"{self.num_undecodable} rows are not UTF-8, and no other row has any but ASCII characters: "
                "the file is in another encoding; save it as UTF-8",
            )


def _row(record: Record, fields: Fields, where: str) -> InputRow:
    row_id = record_id(record, fields.id, where)
    try:
        return _row_of(row_id, record, fields, where)
    except RecursionError:  # JSON can be nested deeper than Python's calls
        return InputRow(row_id, where, columns=_shallow(record.columns), error=Code.BAD_REQUEST)


def _shallow(columns: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Those that can be looked into: so that the row is still known by them in joined results."""
    kept: dict[str, JsonValue] = {}
    for name, value in columns.items():
        with suppress(RecursionError):
            kept[str(with_marks(name))] = with_marks(value)
    return kept


def _row_of(row_id: str, record: Record, fields: Fields, where: str) -> InputRow:
    if is_undecodable(record.columns):
        marked = {str(with_marks(name)): with_marks(value) for name, value in record.columns.items()}
        return InputRow(row_id, where, columns=marked, error=Code.UNDECODABLE)
    names = (fields.text, *fields.alternatives)
    texts = (_text(record.columns.get(name), name, where) for name in names)
    if (text := next((each for each in texts if each.strip()), None)) is None:
        return InputRow(row_id, where, columns=record.columns, error=Code.EMPTY_TEXT)
    return InputRow(row_id, where, text, record.columns)


def record_id(record: Record, field: str | None, where: str) -> str:
    """What `field` holds, or the line number where no column holds ids; raises `InputError` for no name."""
    if field is None:
        return str(record.line_no)
    given = record.columns.get(field)
    if isinstance(given, bool) or not isinstance(given, str | int | float) or given == "":
        raise InputError(where, f"{field!r} must be a text or a number that names the row, not {given!r}")
    if is_undecodable(given) and record.is_known_utf8:
        raise InputError(
            where, f"the id in {field!r} has half of a character in it ({given!a}): escape both, or none"
        )
    if is_undecodable(given):
        raise InputError(where, f"the id in {field!r} is not UTF-8; save the file as UTF-8")
    return str(given)


def _text(value: JsonValue, field: str, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return json.dumps(value)
    if field == "messages":
        return _conversation(value)
    raise InputError(where, f"{field!r} must be a text, not {type(value).__name__}; see --text-field")


def _conversation(messages: JsonValue) -> str:
    """What a chat says, to be counted; whether it is well formed is for those to judge who use it."""
    turns = messages if isinstance(messages, list) else [messages]
    said = [turn.get("content") if isinstance(turn, dict) else turn for turn in turns]
    return "\n\n".join(content if isinstance(content, str) else json.dumps(content) for content in said)
