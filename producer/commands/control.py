"""`bydawn cancel`, `pause`, `resume`, `deadline` and `priority`: of a job that hasn't ended."""

from datetime import datetime
from typing import Annotated

import typer

from jobs.control import read_controls
from jobs.manifest import Manifest, Priority
from jobs.papers import read_report
from jobs.settings import Settings
from jobs.stores import ObjectStore
from producer import control, options, screen
from producer.connection import connect_queue, connect_store, settings_from
from producer.deadline import parse_deadline
from producer.errors import UserError

When = Annotated[
    list[str],
    typer.Argument(
        metavar="WHEN",
        help="HH:MM (the next one, local time) or ISO 8601, then a zone such as Europe/Berlin; or none.",
    ),
]
NewPriority = Annotated[
    Priority,
    typer.Argument(metavar="PRIORITY", help="urgent, standard or bulk.", parser=options.one_of(Priority)),
]


def cancel(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Stop a job within seconds; what is done is kept, the rest ends as cancelled."""
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    if read_report(objects, job_id) is not None:
        typer.echo(f"{job_id} has ended already")
        return
    _tell(settings, objects, control.cancel(objects, job_id), needs_workers=True)
    typer.echo(f"{job_id} is being cancelled; `bydawn status {job_id} --watch` shows its end")


def pause(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Take no more of a job's shards for now, and give back those that run; its deadline goes on."""
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    manifest = control.pause(objects, job_id)
    _tell(settings, objects, manifest)
    controls = read_controls(objects, manifest)
    until = (
        f", or its deadline at {controls.deadline.isoformat(timespec='minutes')}" if controls.deadline else ""
    )
    typer.echo(f"{job_id} is paused until `bydawn resume {job_id}`{until}")


def resume(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Go on with a paused job."""
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    _tell(settings, objects, control.resume(objects, job_id), needs_workers=True)
    typer.echo(f"{job_id} goes on")


def deadline(
    job_id: options.JobId, when: When, store: options.Store = "", broker: options.Broker = None
) -> None:
    """Change when the rest of a job expires; `none` lets it run to its end."""
    text = " ".join(when)
    at = None if text == "none" else parse_deadline(text, datetime.now().astimezone())
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    _tell(settings, objects, control.set_deadline(objects, job_id, at))
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
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    _tell(settings, objects, control.set_priority(objects, job_id, new))
    typer.echo(f"{job_id} is {new} from its next shard on")


def _tell(settings: Settings, store: ObjectStore, manifest: Manifest, *, needs_workers: bool = False) -> None:
    """What was ordered holds without Redis, too, only not at once."""
    try:
        connection = connect_queue(settings, store)
    except UserError:
        screen.say(
            f"no Redis answers at {settings.broker.shown}: the order is in the store, and workers follow it "
            "seconds after Redis is back"
        )
        return
    control.tell(connection, manifest)
    if needs_workers:
        screen.warn_if_nobody_works(connection.ledger, manifest.model.alias)


COMMANDS = (cancel, pause, resume, deadline, priority)
