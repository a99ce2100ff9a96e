"""Retry: a new job of an ended job's rows that aren't ok. The old one stays as it is."""

import logging
from collections.abc import Collection, Iterator
from itertools import chain

from jobs import layout
from jobs.calibration import hand_on
from jobs.control import read_controls
from jobs.heads import head_sha256, read_stored_head
from jobs.manifest import DocumentRef, Manifest, Row
from jobs.outcome import Code, Outcome, Status
from jobs.papers import read_manifest, read_report
from jobs.parts import read_part
from jobs.shards import CorruptObjectError, decode_part, decode_shard
from jobs.stores import ObjectStore
from producer.connection import Connection
from producer.errors import UserError
from producer.served import promised, served_model
from producer.submit import Order, make_job
from producer.suited import suited_spec

log = logging.getLogger(__name__)

REASONS = (*Code, *(status for status in Status if status not in (Status.OK, Status.FAILED)))
"""Why a row may not be ok: the code of a failed one, else its status."""


def retry(connection: Connection, job_id: str, reasons: Collection[str] = ()) -> Manifest:
    """Submit the rows that ended for one of the reasons, or for any; returns the new job.

    Raises:
        UserError: the job hasn't ended, no row of it ended so, or a reason is unknown.
    """
    if unknown := set(reasons) - set(REASONS):
        raise UserError(f"--code can't be {', '.join(sorted(unknown))}; allowed are {', '.join(REASONS)}")
    store = connection.store
    manifest = read_manifest(store, job_id)
    if read_report(store, job_id) is None:
        raise UserError(
            f"{job_id} has not ended yet; `bydawn cancel {job_id}` ends it, with what is done kept"
        )
    rows = _rows_to_retry(store, manifest, reasons)
    if (first := next(rows, None)) is None:
        asked = f" that ended as {', '.join(sorted(reasons))}" if reasons else " that isn't ok"
        raise UserError(f"{job_id} has no row{asked}: there is nothing to retry")

    order = _order(store, manifest)

    def copied(new_id: str) -> Iterator[Row]:
        hand_on(store, manifest.job_id, new_id, same_model=order.model == manifest.model)
        for row_no, row in enumerate(chain([first], rows)):
            yield _with_own_document(store, new_id, row_no, row)

    return read_manifest(store, make_job(connection, order, copied))


def _order(store: ObjectStore, manifest: Manifest) -> Order:
    """The same, but for a deadline, which has passed or was made for more rows."""
    served = served_model(store, manifest.model.alias)
    return Order(
        spec=suited_spec(manifest.spec, served),
        source=manifest.source,
        taken=manifest.taken,
        model=promised(served),
        result_format=manifest.result_format,
        priority=read_controls(store, manifest).priority,
        max_failed_share=manifest.max_failed_share,
        shard_rows=manifest.shard_rows[0],
        retry_of=manifest.job_id,
        head=None if head_sha256(manifest) is None else read_stored_head(store, manifest),
    )


def _rows_to_retry(store: ObjectStore, manifest: Manifest, reasons: Collection[str]) -> Iterator[Row]:
    for shard_no in range(manifest.num_shards):
        outcomes = _outcomes(store, manifest, shard_no)
        if all(outcome.status is Status.OK for outcome in outcomes):
            continue
        for row, outcome in zip(_rows(store, manifest, shard_no), outcomes, strict=False):
            if outcome.status is not Status.OK and (not reasons or _reason(outcome) in reasons):
                yield row


def _reason(outcome: Outcome) -> str:
    return outcome.status if outcome.code is None else outcome.code


def _outcomes(store: ObjectStore, manifest: Manifest, shard_no: int) -> list[Outcome]:
    if (body := read_part(store, manifest, shard_no)) is None:
        raise CorruptObjectError(
            f"{layout.part(manifest.job_id, shard_no)} is gone or damaged: its rows are lost"
        )
    return decode_part(body, manifest.job_id, shard_no)


def _rows(store: ObjectStore, manifest: Manifest, shard_no: int) -> list[Row]:
    try:
        return decode_shard(
            store.get(layout.shard(manifest.job_id, shard_no)) or b"", manifest.job_id, shard_no
        )
    except CorruptObjectError as error:
        log.warning("%s; its %s rows are left out", error, manifest.shard_rows[shard_no])
        return []


def _with_own_document(store: ObjectStore, new_id: str, row_no: int, row: Row) -> Row:
    """What lies under the old job's prefix is copied, so that removing that one does the new one no harm."""
    if row.document is None or row.document.key is None:
        return row
    if (body := store.get(row.document.key)) is None:
        return row.model_copy(update={"document": None, "error": Code.MISSING})
    key = layout.source(new_id, row_no)
    store.put(key, body)
    return row.model_copy(update={"document": DocumentRef(name=row.document.name, key=key)})
