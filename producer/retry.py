"""Retry: a new job of an ended job's rows that aren't ok. The old one stays as it is."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, compress

from jobs import layout
from jobs.calibration import hand_on
from jobs.control import read_controls
from jobs.heads import head_sha256, read_stored_head
from jobs.manifest import DocumentRef, Manifest, Row
from jobs.outcome import Code, Fault, Outcome, Status
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

_FAIL_AGAIN = frozenset(
    (Code.EMPTY_TEXT, Code.UNDECODABLE, Code.NEEDS_OCR, Code.ENCRYPTED, Code.UNSUPPORTED, Code.BAD_REQUEST)
)
"""Of rows that no other model, limit or permission helps: a job keeps them as they were given."""


def retry(connection: Connection, job_id: str, reasons: Collection[str] = ()) -> Manifest:
    """Submit the rows that ended for one of the reasons, or for any; returns the new job.

    Raises:
        UserError: the job hasn't ended, no row of it ended so, none can pass, or a reason is unknown.
    """
    if unknown := set(reasons) - set(REASONS):
        raise UserError(f"--code can't be {', '.join(sorted(unknown))}; allowed are {', '.join(REASONS)}")
    store = connection.store
    manifest = read_manifest(store, job_id)
    if read_report(store, job_id) is None:
        raise UserError(
            f"{job_id} has not ended yet; `bydawn cancel {job_id}` ends it, with what is done kept"
        )
    _refuse_if_all_fail_again(store, manifest, reasons)
    left_out: Counter[int] = Counter()
    at_fault: Counter[Code] = Counter()
    rows = _rows_to_retry(store, manifest, reasons, left_out, at_fault)
    if (first := next(rows, None)) is None:
        raise UserError(_nothing_to_retry(manifest, reasons, left_out.total()))

    order = _order(store, manifest)

    def copied(new_id: str) -> Iterator[Row]:
        hand_on(store, manifest, new_id, same_model=order.model == manifest.model)
        for row_no, row in enumerate(chain([first], rows)):
            yield _with_own_document(store, new_id, row_no, row)

    new = read_manifest(store, make_job(connection, order, copied))
    if at_fault:
        log.warning(
            "%s: the input is at fault for %d of the rows (%s); they fail again unless that has been mended",
            new.job_id, at_fault.total(), _counted(at_fault),
        )  # fmt: skip
    return new


def _refuse_if_all_fail_again(store: ObjectStore, manifest: Manifest, reasons: Collection[str]) -> None:
    """Looks at parts up to the first row that may pass."""
    codes: Counter[Code] = Counter()
    for shard_no in range(manifest.num_shards):
        for outcome in _outcomes(store, manifest, shard_no):
            if not _is_wanted(outcome, reasons):
                continue
            if outcome.code not in _FAIL_AGAIN:
                return
            codes[outcome.code] += 1
    if codes:
        raise UserError(
            f"all of these rows would fail again, for the input is at fault ({_counted(codes)}): "
            f"correct them in {manifest.source} and submit them"
        )


def _counted(codes: Counter[Code]) -> str:
    return ", ".join(f"{rows:,} {code}" for code, rows in codes.most_common())


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


def _nothing_to_retry(manifest: Manifest, reasons: Collection[str], num_left_out: int) -> str:
    asked = f" that ended as {', '.join(sorted(reasons))}" if reasons else " that isn't ok"
    if not num_left_out:
        return f"{manifest.job_id} has no row{asked}: there is nothing to retry"
    return (
        f"{manifest.job_id} has no readable row{asked}: of such rows, {num_left_out} are left out, because "
        f"their shards are gone or damaged; submit them anew from {manifest.source}"
    )


def _rows_to_retry(
    store: ObjectStore,
    manifest: Manifest,
    reasons: Collection[str],
    left_out: Counter[int],
    at_fault: Counter[Code],
) -> Iterator[Row]:
    """Counts in `left_out`, by shard, the rows that it should give and can't read, and those at fault."""
    for shard_no in range(manifest.num_shards):
        outcomes = _outcomes(store, manifest, shard_no)
        wanted = [_is_wanted(outcome, reasons) for outcome in outcomes]
        if not any(wanted):
            continue
        try:
            rows = _rows(store, manifest, shard_no)
        except CorruptObjectError as error:
            left_out[shard_no] = sum(wanted)
            log.warning("%s; its %s rows are left out", error, sum(wanted))
        else:
            at_fault.update(_own_faults(compress(outcomes, wanted)))
            yield from compress(rows, wanted)


def _own_faults(outcomes: Iterable[Outcome]) -> Iterator[Code]:
    return (each.code for each in outcomes if each.code is not None and each.code.fault is Fault.INPUT)


def _is_wanted(outcome: Outcome, reasons: Collection[str]) -> bool:
    return outcome.status is not Status.OK and (not reasons or _reason(outcome) in reasons)


def _reason(outcome: Outcome) -> str:
    return outcome.status if outcome.code is None else outcome.code


def _outcomes(store: ObjectStore, manifest: Manifest, shard_no: int) -> list[Outcome]:
    if (body := read_part(store, manifest, shard_no)) is None:
        raise CorruptObjectError(
            f"{layout.part(manifest.job_id, shard_no)} is gone or damaged: its rows are lost"
        )
    return decode_part(body, manifest.job_id, shard_no)


def _rows(store: ObjectStore, manifest: Manifest, shard_no: int) -> list[Row]:
    if (body := store.get(layout.shard(manifest.job_id, shard_no))) is None:
        raise CorruptObjectError(f"shard {shard_no} of job {manifest.job_id} is gone")
    return decode_shard(body, manifest.job_id, shard_no)


def _with_own_document(store: ObjectStore, new_id: str, row_no: int, row: Row) -> Row:
    """What lies under the old job's prefix is copied, so that removing that one does the new one no harm."""
    if row.document is None or row.document.key is None:
        return row
    if (body := store.get(row.document.key)) is None:
        return row.model_copy(update={"document": None, "error": Code.MISSING})
    key = layout.source(new_id, row_no)
    store.put(key, body)
    return row.model_copy(update={"document": DocumentRef(name=row.document.name, key=key)})
