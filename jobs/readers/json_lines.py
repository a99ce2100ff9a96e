"""JSON Lines: an object on every line."""

import json
import math
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, NoReturn

from pydantic import JsonValue

from jobs.readers.row import InputError
from jobs.readers.table import Record, Table
from jobs.readers.undecodable import decoded_lines, is_undecodable


def json_lines_table(stream: BinaryIO, name: str) -> Table:
    """The first object gives the column names; the others may lack some, or have more."""
    records = _records(stream, name)
    if (first := next(records, None)) is None:
        raise InputError(name, "the file is empty; give one JSON object per line")
    names = list(first.columns)
    wordy = [column for column, value in first.columns.items() if isinstance(value, str | list | dict)]
    return Table(name, names, wordy, chain([first], records))


def _records(stream: BinaryIO, name: str) -> Iterator[Record]:
    for line_no, line in enumerate(decoded_lines(stream), start=1):
        if text := line.rstrip():
            yield Record(line_no, _object(text, f"{name}:{line_no}"), not is_undecodable(text))


def _object(text: str, where: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}:{error.colno}", f"{error.msg}; every line must be a JSON object"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"{error}; every line must be a JSON object") from error
    if not isinstance(value, dict):
        raise InputError(where, f"a line must be a JSON object, not {type(value).__name__}")
    return value


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
