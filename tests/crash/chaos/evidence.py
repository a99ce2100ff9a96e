"""Read from the store what a run has left there."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from jobs import layout
from jobs.manifest import Manifest, ResultFormat
from jobs.papers import read_manifest, read_report
from jobs.shards import decode_part
from jobs.stores import ObjectStore
from jobs.stores.s3_client import s3_client
from tests.crash.chaos.audit import Evidence, Record, as_text
from tests.crash.chaos.expected import Oracle
from tests.crash.chaos.orders import JobOrder
from tests.servers import BUCKET, S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Written:
    """How often an object was written or removed, and when it was written first, to the second."""

    times: int
    first_at: datetime


class Versions:
    """The bucket's own memory of every write: what is written twice shows, however quickly it was done.

    To be made before the first write, for it is what makes the bucket remember.
    """

    def __init__(self, server: S3Server, prefix: str) -> None:
        self._client: S3Client = s3_client(server.access)
        self._prefix = prefix
        self._client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def of(self, key_prefix: str) -> dict[str, Written]:
        """All writes and removals of the keys that begin so."""
        times: Counter[str] = Counter()
        first: dict[str, datetime] = {}
        for key, at in self._writes(f"{self._prefix}/{key_prefix}"):
            times[key] += 1
            first[key] = min(at, first.get(key, at))
        return {key.removeprefix(f"{self._prefix}/"): Written(times[key], first[key]) for key in times}

    def _writes(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix)
        for page in pages:
            yield from ((each["Key"], each["LastModified"]) for each in page.get("Versions", []))
            yield from ((each["Key"], each["LastModified"]) for each in page.get("DeleteMarkers", []))


def written_once(versions: Versions, job_id: str) -> dict[str, Written]:
    """The writes of a job's parts and report."""
    return versions.of(layout.parts_prefix(job_id)) | versions.of(layout.report(job_id))


def collect(
    store: ObjectStore, oracle: Oracle, job_id: str, order: JobOrder, writes: Mapping[str, Written]
) -> Evidence:
    """All that is known of a job that was ordered."""
    manifest = read_manifest(store, job_id)
    report = read_report(store, job_id)
    errors = store.get(layout.errors(job_id)) or b""
    return Evidence(
        job_id=job_id,
        expected=oracle.outcomes(manifest.spec, order.rows),
        report=report,
        is_open=store.exists(layout.open_marker(job_id)),
        parts=[
            decode_part(body, job_id, shard_no)
            for shard_no in range(manifest.num_shards)
            if (body := store.get(layout.part(job_id, shard_no))) is not None
        ],
        results=_results(store, manifest) if report is not None else (),
        errors=_json_lines(errors),
        is_joined=manifest.result_format is not ResultFormat.JSONL,
        num_writes={key: written.times for key, written in writes.items()},
        dead_rows=list(store.list(layout.dead_letters_prefix(job_id))),
    )


def _results(store: ObjectStore, manifest: Manifest) -> Sequence[Record]:
    body = store.get(layout.results(manifest.job_id, manifest.result_format)) or b""
    match manifest.result_format:
        case ResultFormat.JSONL:
            return _json_lines(body)
        case ResultFormat.CSV:
            rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
            return [_record({name: _cell(text) for name, text in row.items()}) for row in rows]
        case ResultFormat.PARQUET:
            return [_record(row) for row in pq.read_table(io.BytesIO(body)).to_pylist()]


def _json_lines(body: bytes) -> list[Record]:
    return [_record(json.loads(line)) for line in body.splitlines()]


def _cell(text: str) -> object:
    return json.loads(text) if text.startswith("[") else text


def _record(values: Mapping[str, Any]) -> Record:
    return {name: as_text(value) for name, value in values.items()}
