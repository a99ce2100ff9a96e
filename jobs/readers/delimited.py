"""CSV and TSV, as RFC 4180 and spreadsheets write them."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from jobs.readers.row import InputError
from jobs.readers.table import Record, Table, check_unlike
from jobs.readers.undecodable import decoded_lines, is_undecodable

if TYPE_CHECKING:
    from _csv import Reader

MAX_FIELD_CHARS = 64 << 20


def csv_table(stream: BinaryIO, name: str) -> Table:
    """Apart by commas, or by semicolons or tabs where the header has these and no comma."""
    lines = decoded_lines(stream)
    header = next(lines, "")
    found = [delimiter for delimiter in ",;\t" if delimiter in header]
    return _table(chain([header], lines), name, found[0] if found else ",")


def tsv_table(stream: BinaryIO, name: str) -> Table:
    """Apart by tabs, quoted as in CSV."""
    return _table(decoded_lines(stream), name, "\t")


def _table(lines: Iterator[str], name: str, delimiter: str) -> Table:
    # The default of 128 KiB is less than many a document in a field; it can only be set for the process.
    csv.field_size_limit(MAX_FIELD_CHARS)
    # Strict: otherwise a lost quote swallows the rows after it in silence.
    records = _records(csv.reader(lines, delimiter=delimiter, strict=True), name)
    _, names = next(records, (1, []))
    _check_names(names, f"{name}:1")
    return Table(name, names, names, (_record(fields, names, name, line) for line, fields in records))


def _records(reader: "Reader", name: str) -> Iterator[tuple[int, list[str]]]:
    """Non-empty records, each with the line it starts on."""
    while True:
        line_no = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{name}:{line_no}", _fault(error)) from error
        if fields is None:
            return
        if fields:
            yield line_no, fields


def _fault(error: csv.Error) -> str:
    if "new-line character" in str(error):
        return "a CR without an LF, as old Macs end lines: save the file with LF or CRLF, or quote the field"
    return f"{error}; look for a quote that is missing or not doubled"


def _record(fields: list[str], names: list[str], name: str, line_no: int) -> Record:
    if len(fields) != len(names):
        raise InputError(
            f"{name}:{line_no}",
            f"{len(fields)} fields where the header has {len(names)} ({', '.join(names)}); put fields with "
            "commas or line breaks in quotes",
        )
    return Record(line_no, dict(zip(names, fields, strict=True)))


def _check_names(names: list[str], where: str) -> None:
    if not names:
        raise InputError(where, "the file is empty; its first line must name the columns")
    if any(map(is_undecodable, names)):
        raise InputError(where, "the header is not UTF-8; save the file as UTF-8")
    check_unlike(names, where)
