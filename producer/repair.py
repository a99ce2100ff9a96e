"""Repair: rebuild the ledger of one job from the store, and send what nobody holds. Safe at any time."""

from dataclasses import dataclass
from datetime import UTC, datetime

from jobs import layout
from jobs.control import copy_controls
from jobs.late import reopen
from jobs.mend import rebuild, send_lost
from jobs.papers import NoSuchJobError, read_manifest, read_report
from producer.connection import Connection


@dataclass(frozen=True, slots=True)
class Findings:
    """What a repair found of a job's shards and their parts, and what it did."""

    shards: int
    parts: int
    damaged: int
    forgotten: int  # settled for the ledger, and without a part in the store
    sent: int
    has_ended: bool

    @property
    def missing(self) -> int:
        return self.shards - self.parts


def repair(connection: Connection, job_id: str) -> Findings:
    """Raises NoSuchJobError."""
    store, ledger = connection.store, connection.ledger
    manifest = read_manifest(store, job_id)
    report = read_report(store, job_id)
    # Without its marker the reconciler passes the job by.
    if report is None and not reopen(store, job_id):
        raise NoSuchJobError(f"job {job_id} has just been removed")
    controls = copy_controls(store, ledger, manifest)
    # Asked before the store is: what is settled by now has its part by then, if it ever had one.
    settled = ledger.settled(job_id)
    listed = set(store.list(layout.parts_prefix(job_id)))
    parts = rebuild(store, ledger, manifest)
    if forgotten := settled - parts:
        ledger.forget(job_id)  # what is settled is only ever added to, so it is begun anew
        parts = rebuild(store, ledger, manifest)
    if report is not None:
        ledger.end(job_id, report.state)
    waits = report is not None or controls.holds_back(datetime.now(UTC))
    without_part = set(range(manifest.num_shards)) - parts
    return Findings(
        shards=manifest.num_shards,
        parts=len(parts),
        damaged=sum(layout.part(job_id, shard_no) in listed for shard_no in without_part),
        forgotten=len(forgotten),
        sent=0 if waits else send_lost(ledger, connection.dispatcher, manifest),
        has_ended=report is not None,
    )
