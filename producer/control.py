"""Say something of a job that runs: an object in the store says it for good, the ledger at once."""

from datetime import datetime

from jobs.control import (
    CancelOrder,
    Controls,
    DeadlineOrder,
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


def cancel(connection: Connection, job_id: str) -> None:
    manifest = open_job(connection.store, job_id)
    give_order(connection.store, job_id, CancelOrder())
    copy_controls(connection.store, connection.ledger, manifest)
    # The messages of a job that was paused are gone, and only a shard that is taken can end as cancelled.
    send_lost(connection.ledger, connection.dispatcher, manifest)


def pause(connection: Connection, job_id: str) -> Controls:
    manifest = open_job(connection.store, job_id)
    give_order(connection.store, job_id, PauseOrder())
    return copy_controls(connection.store, connection.ledger, manifest)


def resume(connection: Connection, job_id: str) -> None:
    manifest = open_job(connection.store, job_id)
    end_pause(connection.store, job_id)
    copy_controls(connection.store, connection.ledger, manifest)
    send_lost(connection.ledger, connection.dispatcher, manifest)


def set_deadline(connection: Connection, job_id: str, deadline: datetime | None) -> None:
    manifest = open_job(connection.store, job_id)
    give_order(connection.store, job_id, DeadlineOrder(deadline=deadline))
    copy_controls(connection.store, connection.ledger, manifest)


def set_priority(connection: Connection, job_id: str, priority: Priority) -> None:
    manifest = open_job(connection.store, job_id)
    give_order(connection.store, job_id, PriorityOrder(priority=priority))
    copy_controls(connection.store, connection.ledger, manifest)
    connection.dispatcher.requeue(manifest)
