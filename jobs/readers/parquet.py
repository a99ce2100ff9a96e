"""Parquet, batch by batch."""

import datetime
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from pydantic import JsonValue

from jobs.readers.row import InputError
from jobs.readers.table import Record, Table, check_unlike

BATCH_ROWS = 1024
WORDY_TYPES = ("string", "large_string", "binary", "large_binary", "list", "large_list", "struct", "map")


def parquet_table(file: BinaryIO, name: str) -> Table:
    """The table in a seekable file; a record's line is its row number."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        source = parquet.ParquetFile(file)
    except pa.ArrowException as error:
        raise InputError(name, f"not a readable Parquet file ({error}); write it anew") from error
    schema = source.schema_arrow
    check_unlike(schema.names, name)
    wordy = [field.name for field in schema if str(field.type).startswith(WORDY_TYPES)]
    return Table(name, schema.names, wordy, _records(source, name))


def _records(source: Any, name: str) -> Iterator[Record]:
    import pyarrow as pa

    row_no = 1
    try:
        for batch in source.iter_batches(BATCH_ROWS):
            columns = [_values(column) for column in batch.columns]
            for values in zip(*columns, strict=True):
                yield Record(row_no, dict(zip(batch.schema.names, map(_json_value, values), strict=True)))
                row_no += 1
    except pa.ArrowException as error:
        raise InputError(f"{name}:{row_no}", f"the file is damaged ({error}); write it anew") from error


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)  # Python has no nanoseconds
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return list(column.cast(pa.large_binary()).to_pylist())


def _json_value(value: Any) -> JsonValue:
    """What JSON has of a value; bytes are text, with the undecodable ones escaped."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case list() | tuple():
            return [_json_value(item) for item in value]
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)
