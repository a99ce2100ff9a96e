"""`bydawn cancel`, `pause`, `resume`, `deadline` and `priority`: of a job that hasn't ended."""

from datetime import datetime
from typing import Annotated

import typer

from jobs.manifest import Priority
from jobs.papers import read_manifest, read_report
from producer import control, options, screen
from producer.connection import Connection, connect, settings_from
from producer.deadline import parse_deadline

When = Annotated[
    list[str],
    typer.Argument(
        metavar="WHEN",
        help="HH:MM (the next one, local time) or ISO 8601, then a zone such as Europe/Berlin; or none.",
    ),
]
NewPriority = Annotated[Priority, typer.Argument(metavar="PRIORITY", help="urgent, standard or bulk.")]


def cancel(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Stop a job within seconds; what is done is kept, the rest ends as cancelled."""
    connection = connect(settings_from(store, broker))
    if read_report(connection.store, job_id) is not None:
        typer.echo(f"{job_id} has ended already")
        return
    control.cancel(connection, job_id)
    _warn_if_nobody_works(connection, job_id)
    typer.echo(f"{job_id} is being cancelled; `bydawn status {job_id} --watch` shows its end")


def pause(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Take no more of a job's shards for now, and give back those that run; its deadline goes on."""
    controls = control.pause(connect(settings_from(store, broker)), job_id)
    until = (
        f", or its deadline at {controls.deadline.isoformat(timespec='minutes')}" if controls.deadline else ""
    )
    typer.echo(f"{job_id} is paused until `bydawn resume {job_id}`{until}")


def resume(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Go on with a paused job."""
    connection = connect(settings_from(store, broker))
    control.resume(connection, job_id)
    _warn_if_nobody_works(connection, job_id)
    typer.echo(f"{job_id} goes on")


def deadline(
    job_id: options.JobId, when: When, store: options.Store = "", broker: options.Broker = None
) -> None:
    """Change when the rest of a job expires; `none` lets it run to its end."""
    text = " ".join(when)
    at = None if text == "none" else parse_deadline(text, datetime.now().astimezone())
    control.set_deadline(connect(settings_from(store, broker)), job_id, at)
    typer.echo(
        f"{job_id} {'has no deadline' if at is None else 'expires at ' + at.isoformat(timespec='minutes')}"
    )


def priority(
    job_id: options.JobId,
    new: NewPriority,
    store: options.Store = "",
    broker: options.Broker = None,
) -> None:
    """Change a job's priority: its shards that wait move to the other queue."""
    control.set_priority(connect(settings_from(store, broker)), job_id, new)
    typer.echo(f"{job_id} is {new} from its next shard on")


def _warn_if_nobody_works(connection: Connection, job_id: str) -> None:
    screen.warn_if_nobody_works(connection.ledger, read_manifest(connection.store, job_id).model.alias)


COMMANDS = (cancel, pause, resume, deadline, priority)
