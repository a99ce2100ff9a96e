"""`bydawn retry`, `rm` and `repair`: what is done about jobs when they have ended, or look stuck."""

import json
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import typer

from jobs.remove import remove, remove_broken_off, remove_older
from producer import options, screen
from producer.age import parse_age
from producer.connection import connect, connect_ledger, connect_store, settings_from
from producer.errors import UserError
from producer.repair import Findings
from producer.repair import repair as repair_job
from producer.retry import retry as retry_job

Codes = Annotated[
    list[str] | None,
    typer.Option("--code", help="Only rows that ended so: poison, expired, ...; may be given again."),
]
MaybeJobId = Annotated[str | None, typer.Argument(metavar="[JOB]", help="A job's id.")]
OlderThan = Annotated[
    str | None, typer.Option(help="All jobs that ended longer ago than this: 12h, 30d, 8w.")
]


def retry(
    job_id: options.JobId,
    code: Codes = None,
    store: options.Store = "",
    broker: options.Broker = None,
    as_json: options.Json = False,
) -> None:
    """Make a new job of an ended job's rows that aren't ok, and return its id."""
    connection = connect(settings_from(store, broker))
    manifest = retry_job(connection, job_id, code or ())
    screen.warn_if_nobody_works(connection.ledger, manifest.model.alias)
    typer.echo(json.dumps({"job_id": manifest.job_id}) if as_json else manifest.job_id)


def rm(
    job_id: MaybeJobId = None,
    older_than: OlderThan = None,
    store: options.Store = "",
    broker: options.Broker = None,
) -> None:
    """Remove an ended job, its results too, or all jobs of an age."""
    if (job_id is None) == (older_than is None):
        raise UserError("give either a job's id or --older-than 30d")
    age = None if older_than is None else parse_age(older_than)
    settings = settings_from(store, broker)
    objects, ledger = connect_store(settings), connect_ledger(settings)
    if job_id is not None:
        remove(objects, ledger, job_id)
        typer.echo(f"{job_id} is removed")
    if age is not None:
        now = datetime.now(UTC)
        removed = 0
        for each in chain(
            remove_older(objects, ledger, now, age), remove_broken_off(objects, ledger, now, age)
        ):
            removed += 1
            typer.echo(f"{each} is removed")
        if not removed:
            screen.say(f"no job in {objects.uri} ended longer ago than {older_than}")


def repair(job_id: options.JobId, store: options.Store = "", broker: options.Broker = None) -> None:
    """Make the ledger of a job anew from the store, and send what nobody holds; safe at any time."""
    typer.echo(f"{job_id}: {_told(repair_job(connect(settings_from(store, broker)), job_id))}")


def _told(found: Findings) -> str:
    told = [f"{found.shards:,} shards, {found.parts:,} with a part, {found.missing:,} without"]
    if found.damaged:
        told.append(f"{found.damaged:,} damaged parts moved aside")
    if found.forgotten:
        told.append(f"{found.forgotten:,} wrongly taken for settled")
    told.append("it has ended" if found.has_ended else f"{found.sent:,} sent again")
    return ", ".join(told)


COMMANDS = (retry, rm, repair)
