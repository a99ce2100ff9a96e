"""The outputs of a job, streamed from its parts: JSONL, or CSV and Parquet joined to the input."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from jobs import layout
from jobs.manifest import Manifest, ResultFormat
from jobs.outcome import Outcome, Status
from jobs.shards import CorruptObjectError, decode_shard
from jobs.spec import Kind
from jobs.stores import ObjectStore

ReadPart = Callable[[Manifest, int], Iterator[Outcome]]
Record = dict[str, JsonValue]

_RESULT_FIELDS: dict[Kind, tuple[str, ...]] = {
    "classify": ("label", "confidence"),
    "summarize": ("summary", "sections"),
    "generate": ("text", "finish_reason"),
    "embed": ("embedding",),
}
_ARROW_TYPES = {
    "confidence": pa.float64(),
    "sections": pa.int64(),
    "embedding": pa.list_(pa.float32()),
}
_PREFIX = "bydawn_"
_CHUNK_BYTES = 1 << 20


def write_results(store: ObjectStore, manifest: Manifest, read_part: ReadPart) -> str:
    """Write the results in the job's format and return their key."""
    key = layout.results(manifest.job_id, manifest.result_format)
    match manifest.result_format:
        case ResultFormat.JSONL:
            ok = (o for o in _outcomes(manifest, read_part) if o.status is Status.OK)
            store.upload(key, _json_lines(o.result_line() for o in ok))
        case ResultFormat.CSV:
            store.upload(key, _csv_chunks(_joined(store, manifest, read_part)))
        case ResultFormat.PARQUET:
            store.upload(key, _parquet_chunks(_joined(store, manifest, read_part)))
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


def _joined(store: ObjectStore, manifest: Manifest, read_part: ReadPart) -> Iterator[Record]:
    """Every row with its input's columns, its result, and how it ended."""
    fields = _RESULT_FIELDS[manifest.spec.kind]
    for shard_no in range(manifest.num_shards):
        if (body := store.get(layout.shard(manifest.job_id, shard_no))) is None:
            raise CorruptObjectError(f"shard {shard_no} of job {manifest.job_id} is not in the store")
        rows = decode_shard(body, manifest.job_id, shard_no)
        for row, outcome in zip(rows, read_part(manifest, shard_no), strict=True):
            result = {field: (outcome.result or {}).get(field) for field in fields}
            ours = {**result, "status": outcome.status.value, "error": outcome.code}
            # A column of the user's is never overwritten, also not by a result of the same name.
            yield {**row.columns, **{_free_name(name, row.columns): value for name, value in ours.items()}}


def _free_name(name: str, taken: Container[str]) -> str:
    return f"{_PREFIX}{name}" if name in taken else name


def _csv_chunks(records: Iterator[Record]) -> Iterator[bytes]:
    """The first record gives the columns: a table's rows all have the same."""
    buffer = io.StringIO(newline="")
    writer: csv.DictWriter[str] | None = None
    for record in records:
        if writer is None:
            writer = csv.DictWriter(buffer, list(record), extrasaction="ignore", restval="")
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in record.items()})
        if buffer.tell() >= _CHUNK_BYTES:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: JsonValue) -> str | int | float | None:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parquet_chunks(records: Iterator[Record]) -> Iterator[bytes]:
    """Parquet ends with its index, so the file is made on disk first, a batch of rows at a time."""
    with tempfile.TemporaryFile() as file:
        _write_parquet(records, file)
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _write_parquet(records: Iterator[Record], file: IO[bytes]) -> None:
    first = next(records)
    # The types of the user's columns are known only when all rows are, so these are written as text.
    schema = pa.schema([(name, _ARROW_TYPES.get(name.removeprefix(_PREFIX), pa.string())) for name in first])
    with pq.ParquetWriter(file, schema) as writer:
        for batch in _batches(chain([first], records), 1000):
            columns = {field.name: [_value(record, field) for record in batch] for field in schema}
            writer.write_table(pa.table(columns, schema=schema))


def _value(record: Record, field: pa.Field) -> JsonValue:
    value = record.get(field.name)
    return value if value is None or field.type != pa.string() else str(_cell(value))


def _batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
