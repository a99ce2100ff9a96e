"""Which reader takes which input."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from jobs.documents import SUFFIXES as DOCUMENT_SUFFIXES
from jobs.readers.delimited import csv_table, tsv_table
from jobs.readers.folder import document_rows
from jobs.readers.json_lines import json_lines_table
from jobs.readers.parquet import parquet_table
from jobs.readers.row import InputError, InputRow
from jobs.readers.table import Table, table_rows
from jobs.stores import InvalidKey, ObjectMissing
from jobs.stores.locations import S3Location, parse_location
from jobs.stores.patterns import is_pattern, pattern_root
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from jobs.stores.source import list_source, open_source

_CREDENTIALS = re.compile(r"//[^/]*@")
TableReader = Callable[[BinaryIO, str], Table]

_TABLES: dict[str, TableReader] = {
    ".csv": csv_table,
    ".tsv": tsv_table,
    ".jsonl": json_lines_table,
    ".ndjson": json_lines_table,
    ".parquet": parquet_table,
}
TABLE_SUFFIXES = frozenset(_TABLES)


def read_rows(
    source: str, *, text_field: str | None, id_field: str | None, access: S3Access = DEFAULT_ACCESS
) -> Iterator[InputRow]:
    """The rows of a table, or the documents of a folder, of a prefix or in a single file, in a fixed order.

    Raises, on the way, `InputError` at the first thing that is wrong with the input, and `StoreError` where
    its store fails.
    """
    with _clear_errors(source):
        if is_pattern(source):
            yield from document_rows(source, list_source(source, access), pattern_root(source))
            return
        location = parse_location(source)
        if _table_reader(location) is None:
            yield from document_rows(source, list_source(source, access), _root(location))
            return
    with open_table(source, access) as table:
        yield from _at_least_one(source, table_rows(table, text_field=text_field, id_field=id_field))


@contextmanager
def open_table(source: str, access: S3Access = DEFAULT_ACCESS) -> Iterator[Table]:
    """A table as it is, for those who need more of it than a text; raises as `read_rows` does."""
    with _clear_errors(source):
        location = parse_location(source)
        if (read_table := _table_reader(location)) is None:
            raise InputError(source, f"a table is needed here: {', '.join(sorted(_TABLES))}")
        with _opened(source, read_table is parquet_table, access) as stream:
            yield read_table(stream, _path(location).name)


def check_there(source: str) -> None:
    """Raise `InputError` for a local file or folder that isn't; of others that is found out on reading."""
    with _clear_errors(source):
        if not is_pattern(source) and isinstance(location := parse_location(source), Path):
            _check_there(location)


def _check_there(path: Path) -> None:
    if not path.exists():
        raise InputError(str(path), f"there is no such file or folder{_close_names(path)}")


@contextmanager
def _clear_errors(source: str) -> Iterator[None]:
    try:
        yield
    except InvalidKey as error:
        raise InputError(_CREDENTIALS.sub("//", source), str(error)) from error
    except ObjectMissing as error:
        raise InputError(source, str(error), names_where=True) from error


def _table_reader(location: S3Location | Path) -> TableReader | None:
    """None for documents; raises `InputError` for a local path that holds neither."""
    suffix = _path(location).suffix.lower()
    if isinstance(location, Path):
        if location.is_dir():
            return None
        _check_there(location)
        if suffix not in _TABLES and suffix not in DOCUMENT_SUFFIXES:
            readable = ", ".join(sorted([*_TABLES, *DOCUMENT_SUFFIXES]))
            raise InputError(str(location), f"{suffix or 'a file without suffix'} is not among {readable}")
    return _TABLES.get(suffix)


@contextmanager
def _opened(source: str, needs_seek: bool, access: S3Access) -> Iterator[BinaryIO]:
    with open_source(source, access=access) as stream:
        if stream.seekable() or not needs_seek:
            yield stream
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
            yield copy


def _at_least_one(source: str, rows: Iterator[InputRow]) -> Iterator[InputRow]:
    if (first := next(rows, None)) is None:
        raise InputError(source, "there are no rows in it; a job needs at least one")
    yield first
    yield from rows


def _path(location: S3Location | Path) -> PurePosixPath:
    return PurePosixPath(location.key if isinstance(location, S3Location) else location)


def _root(location: S3Location | Path) -> str:
    return location.uri if isinstance(location, S3Location) else str(location.absolute())


def _close_names(path: Path) -> str:
    neighbours = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, neighbours)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else "; check the path"
