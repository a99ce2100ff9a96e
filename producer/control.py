"""Say something of a job that runs: the store has it for good, and Redis is told so that it holds at once."""

from datetime import UTC, datetime

from jobs.control import (
    CancelOrder,
    DeadlineOrder,
    Order,
    PauseOrder,
    PriorityOrder,
    copy_controls,
    end_pause,
    give_order,
)
from jobs.manifest import Manifest, Priority
from jobs.mend import send_lost
from jobs.papers import read_manifest, read_report
from jobs.stores import ObjectStore
from producer.connection import Connection
from producer.errors import UserError


def open_job(store: ObjectStore, job_id: str) -> Manifest:
    """A job that hasn't ended.

    Raises:
        NoSuchJobError: there is no such job.
        UserError: it has ended.
    """
    manifest = read_manifest(store, job_id)
    if (report := read_report(store, job_id)) is not None:
        raise UserError(
            f"{job_id} ended as {report.state}, and an ended job never changes; "
            f"`bydawn retry {job_id}` makes a new one of its rows that aren't ok"
        )
    return manifest


def cancel(store: ObjectStore, job_id: str) -> Manifest:
    return _ordered(store, job_id, CancelOrder())


def pause(store: ObjectStore, job_id: str) -> Manifest:
    return _ordered(store, job_id, PauseOrder())


def resume(store: ObjectStore, job_id: str) -> Manifest:
    manifest = open_job(store, job_id)
    end_pause(store, job_id)
    return manifest


def set_deadline(store: ObjectStore, job_id: str, deadline: datetime | None) -> Manifest:
    return _ordered(store, job_id, DeadlineOrder(deadline=deadline))


def set_priority(store: ObjectStore, job_id: str, priority: Priority) -> Manifest:
    return _ordered(store, job_id, PriorityOrder(priority=priority))


def _ordered(store: ObjectStore, job_id: str, order: Order) -> Manifest:
    manifest = open_job(store, job_id)
    give_order(store, job_id, order)
    return manifest


def tell(connection: Connection, manifest: Manifest) -> None:
    """Let ledger and queues follow what the store says; without this, the reconciler does so in time."""
    controls = copy_controls(connection.store, connection.ledger, manifest)
    connection.dispatcher.requeue(manifest)
    if not controls.holds_back(datetime.now(UTC)):
        # The messages of a job that was paused are gone, and only a shard that is taken can end as cancelled.
        send_lost(connection.ledger, connection.dispatcher, manifest)
