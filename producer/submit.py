"""Submit: check the whole input as it streams into shards, then make the job known, then queue it."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import redis
from pydantic import JsonValue

from jobs import layout
from jobs.calibration import SAMPLE_ROWS, SAMPLE_SEED, needs_sample, write_sample
from jobs.heads import Head, store_head
from jobs.manifest import DocumentRef, Manifest, Model, Priority, ResultFormat, Row
from jobs.names import new_job_id
from jobs.outcome import Code
from jobs.papers import read_manifest
from jobs.readers import InputError, InputRow, Reservoir
from jobs.shards import encode_shard
from jobs.spec import Kind, Spec
from jobs.stores import ObjectStore
from jobs.stores.allowed import REMEDY, is_allowed
from jobs.stores.source import SourceRef, read_source
from jobs.submission import Submission
from producer.connection import Connection
from producer.errors import UserError
from producer.heads import check_model
from producer.keys import claim_key, digest_of, find_job
from producer.request_words import differences

log = logging.getLogger(__name__)

MakeRows = Callable[[str], Iterator[Row]]
"""From the new job's id, under which their documents go, to its rows."""

SHARD_ROWS: dict[Kind, int] = {"classify": 64, "summarize": 4, "generate": 32, "embed": 64}


@dataclass(frozen=True, slots=True)
class Order:
    """All that a submission says, beside its rows."""

    spec: Spec
    source: str
    model: Model
    result_format: ResultFormat = ResultFormat.JSONL
    priority: Priority = Priority.STANDARD
    deadline: datetime | None = None
    max_failed_share: float = 0.0
    idempotency_key: str | None = None
    shard_rows: int | None = None
    retry_of: str | None = None
    taken: str = ""
    """Which of the source's rows, in the words of the options; all of them where it is empty."""
    head: Head | None = None
    """The one that the spec refers to."""

    @property
    def key_digest(self) -> str | None:
        return None if self.idempotency_key is None else digest_of(self.idempotency_key)


def submit(connection: Connection, order: Order, rows: Iterator[InputRow]) -> str:
    """Make a job of the rows and return its id; the same idempotency key gives the same job.

    Raises:
        InputError: the input is refused, and nothing of the job is left in the store.
    """

    allowed = (connection.store.uri, *connection.allowed_sources)

    def stored(job_id: str) -> Iterator[Row]:
        for row_no, row in enumerate(rows):
            readable = _readable_by_workers(row, allowed)
            yield _stored_row(connection.store, order, job_id, row_no, readable)

    return make_job(connection, order, stored)


def make_job(connection: Connection, order: Order, make_rows: MakeRows) -> str:
    """Write a job, make it known and queue it, whatever its rows come from."""
    store = connection.store
    if order.head is not None:
        check_model(order.head, order.model)
    if order.idempotency_key is not None and (known := find_job(store, order.idempotency_key)) is not None:
        _check_same(read_manifest(store, known), order)
        return known
    job_id = new_job_id()
    submission = Submission(store, connection.ledger, job_id, order.key_digest)
    try:
        submission.begin()
        manifest = _write_job(store, order, job_id, submission.kept(make_rows(job_id)))
        submission.check()
        store.create(layout.manifest(job_id), manifest.model_dump_json(indent=2).encode())
        submission.check()  # again: who slept in between may have put it where all else was removed
    except BaseException:
        submission.drop()
        raise
    # The order of these steps matters. A key stands only for a job that is whole; of two submissions under
    # one key, the second to get here gives way. From the open marker on, workers find and finish the job by
    # themselves: a crash after it loses nothing, and one before it leaves no half-made job.
    if order.idempotency_key is not None:
        winner = claim_key(store, order.idempotency_key, job_id)
        if winner != job_id:
            submission.drop()
            _check_same(read_manifest(store, winner), order)
            return winner
    submission.open()
    _queue(connection, manifest)
    return job_id


def _queue(connection: Connection, manifest: Manifest) -> None:
    """Without Redis the job is no less submitted, and whoever asked for it needs its id."""
    try:
        connection.dispatcher.start(manifest)
    except redis.RedisError as error:
        log.warning(
            "Redis went away before %s was queued (%s); it is submitted all the same, and the workers queue "
            "it when Redis is back: do not submit it again",
            manifest.job_id, error,
        )  # fmt: skip


def _check_same(manifest: Manifest, order: Order) -> None:
    if other := "; ".join(differences(_request(manifest), _request(order))):
        raise UserError(
            f"the idempotency key stands for job {manifest.job_id} ({manifest.spec.kind} {manifest.source}), "
            f"which asked for something else: {other}. Give another key"
        )


def _request(asked: Manifest | Order) -> dict[str, object]:
    """All that two submissions under one key must agree on: not a deadline, which is told from now on."""
    return {
        "source": asked.source,
        "rows": asked.taken or "all",
        "model": f"{asked.model.alias} ({asked.model.fingerprint})",
        "format": str(asked.result_format),
        "priority": str(asked.priority),
        "max_failed_share": asked.max_failed_share,
        **dict(asked.spec),
    }


@dataclass(slots=True)
class _Shards:
    """Writes shards and remembers what the manifest tells of them."""

    store: ObjectStore
    job_id: str
    rows: list[int] = field(default_factory=list)
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def write(self, rows: list[Row]) -> None:
        body = encode_shard(self.job_id, len(self.rows), rows)
        self.store.put(layout.shard(self.job_id, len(self.rows)), body)
        self.rows.append(len(rows))
        self.sha256.update(body)


def _write_job(store: ObjectStore, order: Order, job_id: str, rows: Iterator[Row]) -> Manifest:
    shards = _Shards(store, job_id)
    texts = Reservoir[str](SAMPLE_ROWS, SAMPLE_SEED)
    rows = _offering(rows, texts)
    while batch := list(islice(rows, order.shard_rows or SHARD_ROWS[order.spec.kind])):
        shards.write(batch)
    if not shards.rows:
        raise UserError(f"{order.source} has no rows; a job needs at least one")
    if order.head is not None:
        store_head(store, job_id, order.head)
    if needs_sample(order.spec) and order.retry_of is None:
        write_sample(store, job_id, texts.drawn)
    return Manifest(
        job_id=job_id,
        spec=order.spec,
        model=order.model,
        source=order.source,
        taken=order.taken,
        result_format=order.result_format,
        priority=order.priority,
        deadline=order.deadline,
        max_failed_share=order.max_failed_share,
        created_at=datetime.now(UTC),
        shard_rows=tuple(shards.rows),
        input_sha256=shards.sha256.hexdigest(),
        retry_of=order.retry_of,
        idempotency_digest=order.key_digest,
    )


def _offering(rows: Iterator[Row], texts: Reservoir[str]) -> Iterator[Row]:
    for row in rows:
        if row.text is not None and row.text.strip():
            texts.offer(row.text)
        yield row


def _readable_by_workers(row: InputRow, allowed: tuple[str, ...]) -> InputRow:
    """Told now, for all documents, not row by row when the night is over."""
    uri = "" if row.document is None else row.document.uri
    if uri.startswith("s3://") and not is_allowed(uri, allowed):
        raise InputError(uri, f"workers may not read it; {REMEDY}")
    return row


def _stored_row(store: ObjectStore, order: Order, job_id: str, row_no: int, row: InputRow) -> Row:
    columns = _kept_columns(order, row)
    if not _can_be_read_again(columns):
        kept = {name: value for name, value in columns.items() if _can_be_read_again({name: value})}
        return Row(id=row.id, columns=kept, error=Code.BAD_REQUEST)
    document = None if row.document is None else _stored_document(store, job_id, row_no, row.id, row.document)
    return Row(id=row.id, text=row.text, document=document, columns=columns, error=row.error)


def _stored_document(
    store: ObjectStore, job_id: str, row_no: int, name: str, document: SourceRef
) -> DocumentRef:
    """A local document is copied, one in a bucket pinned to its version."""
    if document.uri.startswith("s3://"):
        return DocumentRef(name=name, uri=document.uri, version=document.version)
    key = layout.source(job_id, row_no)
    store.put(key, read_source(document.uri, document.version))
    return DocumentRef(name=name, key=key)


def _can_be_read_again(columns: dict[str, JsonValue]) -> bool:
    """JSON can be nested deeper than its reader goes; such a row must not cost its neighbours."""
    if not columns:
        return True
    try:
        Row.model_validate_json(Row(id="", columns=columns).model_dump_json())
    except ValueError:
        return False
    return True


def _kept_columns(order: Order, row: InputRow) -> dict[str, JsonValue]:
    """Joined results need all columns again, a chat its messages; the text is kept in any case."""
    if order.result_format is not ResultFormat.JSONL:
        return row.columns
    return {name: value for name, value in row.columns.items() if name == "messages"}
