"""The outputs of a job, streamed from its parts: JSONL, or CSV and Parquet joined to the input."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from jobs import layout
from jobs.joined import END_FIELDS, column_of
from jobs.manifest import Manifest, ResultFormat, Row
from jobs.outcome import Outcome, Status
from jobs.shards import CorruptObjectError, decode_shard, salvaged_rows
from jobs.spec import ClassifySpec, Kind, Spec, SummarizeSpec
from jobs.stores import ObjectStore
from worker.given_columns import GivenColumns

ReadPart = Callable[[Manifest, int], Iterator[Outcome]]
Record = dict[str, JsonValue]

_RESULT_FIELDS: dict[Kind, tuple[str, ...]] = {
    "classify": ("label", "confidence"),
    "summarize": ("summary", "strategy", "sections", "levels", "low_quality", "copy_of"),
    "generate": ("text", "finish_reason"),
    "embed": ("embedding",),
}
_ID = "id"
_ARROW_TYPES = {
    "confidence": pa.float64(),
    "labels": pa.list_(pa.string()),
    "sections": pa.int64(),
    "levels": pa.int64(),
    "embedding": pa.list_(pa.float32()),
}
_CHUNK_BYTES = 1 << 20
_ROW_GROUP_ROWS = 1000


def write_results(store: ObjectStore, manifest: Manifest, read_part: ReadPart) -> str:
    """Write the results in the job's format and return their key."""
    key = layout.results(manifest.job_id, manifest.result_format)
    match manifest.result_format:
        case ResultFormat.JSONL:
            ok = (o for o in _outcomes(manifest, read_part) if o.status is Status.OK)
            store.upload(key, _json_lines(o.result_line() for o in ok))
        case ResultFormat.CSV:
            table = _Table(store, manifest, read_part)
            store.upload(key, _csv_chunks(table.columns, table.records()))
        case ResultFormat.PARQUET:
            table = _Table(store, manifest, read_part)
            store.upload(key, _parquet_chunks(table.schema(), table.records()))
    return key


def write_errors(store: ObjectStore, manifest: Manifest, read_part: ReadPart) -> str:
    """Write a line for every row that isn't ok and return the key."""
    key = layout.errors(manifest.job_id)
    bad = (o for o in _outcomes(manifest, read_part) if o.status is not Status.OK)
    store.upload(key, _json_lines(o.error_line() for o in bad))
    return key


def _outcomes(manifest: Manifest, read_part: ReadPart) -> Iterator[Outcome]:
    for shard_no in range(manifest.num_shards):
        yield from read_part(manifest, shard_no)


def _json_lines(records: Iterable[Record]) -> Iterator[bytes]:
    buffer = bytearray()
    for record in records:
        buffer += json.dumps(record, ensure_ascii=False).encode() + b"\n"
        if len(buffer) >= _CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


class _Table:
    """Every row with its input's columns, its result, and how it ended.

    A column of the user's is never overwritten, also not by a result of the same name; where none holds the
    ids, one of ours does. The columns are known only after a pass over all shards: the records of a JSONL
    file need not be alike.
    """

    def __init__(self, store: ObjectStore, manifest: Manifest, read_part: ReadPart) -> None:
        self._store = store
        self._manifest = manifest
        self._read_part = read_part
        rows = chain.from_iterable(self._rows(shard_no) for shard_no in range(manifest.num_shards))
        given = GivenColumns()
        for row in rows:
            given.look_at(row)
        fields = (*_result_fields(manifest.spec), *END_FIELDS)
        self._names = {field: column_of(field, given.names) for field in fields}
        self._types = given.types()
        if (id_column := given.id_column) is None:
            id_column = column_of(_ID, given.names)
            self._types = {id_column: pa.string(), **self._types}
        self._id_column = id_column

    @property
    def columns(self) -> list[str]:
        return [*self._types, *self._names.values()]

    def schema(self) -> pa.Schema:
        own = {name: _ARROW_TYPES.get(field, pa.string()) for field, name in self._names.items()}
        return pa.schema({**self._types, **own})

    def records(self) -> Iterator[Record]:
        for shard_no in range(self._manifest.num_shards):
            outcomes = self._read_part(self._manifest, shard_no)
            for row, outcome in zip(self._rows(shard_no), outcomes, strict=True):
                given = {self._id_column: row.id, **row.columns}
                ends = {"status": outcome.status.value, "error": outcome.code}
                values = {**(outcome.result or {}), **ends}
                yield {**given, **{name: values.get(field) for field, name in self._names.items()}}

    def _rows(self, shard_no: int) -> list[Row]:
        body = self._store.get(layout.shard(self._manifest.job_id, shard_no)) or b""
        try:
            return decode_shard(body, self._manifest.job_id, shard_no)
        except CorruptObjectError:  # its outcomes, all failed, have an id for each row
            found = {row.id: row for row in salvaged_rows(body) if row is not None}
            ids = (outcome.id for outcome in self._read_part(self._manifest, shard_no))
            return [found.get(row_id) or Row(id=row_id) for row_id in ids]


def _result_fields(spec: Spec) -> tuple[str, ...]:
    if isinstance(spec, ClassifySpec):
        return _classify_fields(spec)
    if isinstance(spec, SummarizeSpec) and spec.cite:
        return (*_RESULT_FIELDS[spec.kind], "citations")
    return _RESULT_FIELDS[spec.kind]


def _classify_fields(spec: ClassifySpec) -> tuple[str, ...]:
    if spec.multi:
        return ("labels", "scores")
    if not spec.scores:
        return ("label",)
    path = ("path",) if spec.has_levels else ()
    candidates = () if spec.abstain_below is None else ("candidates",)
    return (*_RESULT_FIELDS[spec.kind], *path, *candidates)


def _csv_chunks(columns: list[str], records: Iterator[Record]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(value) for name, value in record.items()})
        if buffer.tell() >= _CHUNK_BYTES:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: JsonValue) -> str | int | float | None:
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parquet_chunks(schema: pa.Schema, records: Iterator[Record]) -> Iterator[bytes]:
    """Parquet ends with its index, so the file is made on disk first, a batch of rows at a time."""
    with tempfile.TemporaryFile() as file:
        _write_parquet(schema, records, file)
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _write_parquet(schema: pa.Schema, records: Iterator[Record], file: IO[bytes]) -> None:
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(records, _ROW_GROUP_ROWS)):
            columns = {field.name: [_value(record, field) for record in batch] for field in schema}
            writer.write_table(pa.table(columns, schema=schema))


def _value(record: Record, field: pa.Field) -> JsonValue:
    value = record.get(field.name)
    return value if value is None or field.type != pa.string() else str(_cell(value))
