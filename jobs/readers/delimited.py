"""CSV and TSV, as RFC 4180 and spreadsheets write them."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from jobs.readers.row import InputError
from jobs.readers.table import Record, Table
from jobs.readers.undecodable import is_undecodable

MAX_FIELD_CHARS = 64 << 20
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def csv_table(stream: BinaryIO, name: str) -> Table:
    """Comma-separated, or by semicolon or tab where the header has no comma."""
    lines = _lines(stream)
    header = next(lines, "")
    return _table(header, lines, name, _delimiter(header))


def tsv_table(stream: BinaryIO, name: str) -> Table:
    """Tab-separated, quoted like CSV."""
    lines = _lines(stream)
    return _table(next(lines, ""), lines, name, "\t")
