"""`bydawn status`, `jobs`, `results` and `queues`: they change nothing."""

import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.live import Live

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import Report
from jobs.papers import read_manifest, read_report
from jobs.settings import Settings
from jobs.stores import ObjectStore
from producer import options, screen
from producer.connection import connect_ledger, connect_store, settings_from
from producer.errors import JobFailedError, UserError
from producer.export import export
from producer.overview import (
    JobOverview,
    QueueDepth,
    UnreadableJob,
    job_overview,
    queue_depths,
    recent_jobs,
)
from producer.progress import job_bar
from producer.remedies import remedy_of_queued
from producer.status import job_status
from producer.watch import wait_for_report

_REFRESH_INTERVAL_S = 1.0

Watch = Annotated[bool, typer.Option("--watch", help="Go on showing until it has ended.")]
MaybeOut = Annotated[Path | None, typer.Option(help="Copy results, errors and report to this folder.")]


def status(
    job_id: options.JobId,
    watch: Watch = False,
    store: options.Store = "",
    broker: options.Broker = None,
    as_json: options.Json = False,
) -> None:
    """Where a job stands; exit code 1 if it ended without success."""
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    if watch and read_report(objects, job_id) is None:
        _watch(objects, connect_ledger(settings), job_id)
    report = read_report(objects, job_id)
    ledger = _ledger_if_there(settings) if report is None else None
    overview = job_overview(objects, ledger, job_id)
    if as_json:
        typer.echo(job_status(objects, overview, report).model_dump_json(indent=2))
    elif report is None:
        screen.show_open_job(overview)
        if ledger is not None and not overview.paused:
            screen.warn_if_nobody_works(ledger, overview.model)
    else:
        results, errors = f"{objects.uri}/{report.results}", f"{objects.uri}/{report.errors}"
        screen.show_report(report, results, errors, remedy_of_queued(report))
    if report is not None and not report.succeeded:
        raise JobFailedError


def jobs(
    limit: Annotated[int, typer.Option(min=1, max=options.MAX_ROWS, help="The newest N.")] = 20,
    store: options.Store = "",
    broker: options.Broker = None,
    as_json: options.Json = False,
) -> None:
    """The newest jobs of the store."""
    settings = settings_from(store, broker)
    objects = connect_store(settings)
    overviews = list(recent_jobs(objects, _ledger_if_there(settings), limit))
    if as_json:
        typer.echo(TypeAdapter(list[JobOverview | UnreadableJob]).dump_json(overviews, indent=2).decode())
    elif not overviews:
        screen.say(f"there is no job in {objects.uri}; `bydawn submit` makes one")
    else:
        screen.show_jobs(overviews)


def _ledger_if_there(settings: Settings) -> Ledger | None:
    """The store alone knows all but the progress of running jobs."""
    try:
        return connect_ledger(settings)
    except UserError as error:
        typer.echo(f"bydawn: {error}", err=True)
        return None


def results(
    job_id: options.JobId,
    errors: Annotated[bool, typer.Option("--errors", help="The rows that aren't ok.")] = False,
    out: MaybeOut = None,
    overwrite: options.Overwrite = False,
    store: options.Store = "",
) -> None:
    """Write a finished job's results to standard output, or copy them to a folder."""
    objects = connect_store(settings_from(store, None))
    report = _report(objects, job_id)
    if out is not None:
        typer.echo(export(objects, report, out, overwrite))
    elif (key := report.errors if errors else report.results) is not None:
        with objects.open(key) as stream:
            shutil.copyfileobj(stream, sys.stdout.buffer, 1 << 20)
        if not errors and report.counts.ok == 0:
            screen.say(f"no row of {job_id} is ok; `bydawn results {job_id} --errors` says why")
    else:
        screen.say(f"{job_id} has no errors: every row is ok")


def queues(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second.")] = False,
    store: options.Store = "",
    broker: options.Broker = None,
    as_json: options.Json = False,
) -> None:
    """How many shards wait per model and priority, and who works on them."""
    settings = settings_from(store, broker)
    objects, ledger = connect_store(settings), connect_ledger(settings)
    if watch:
        _watch_queues(objects, ledger)
    depths = queue_depths(objects, ledger)
    if as_json:
        typer.echo(TypeAdapter(list[QueueDepth]).dump_json(depths, indent=2).decode())
    elif not depths:
        screen.say(f"no worker has ever served {objects.uri}; `bydawn worker` starts one")
    else:
        screen.output_console().print(screen.queues_table(depths))


def _watch_queues(store: ObjectStore, ledger: Ledger) -> None:
    with Live(console=screen.output_console(), auto_refresh=False) as live:
        while True:
            live.update(screen.queues_table(queue_depths(store, ledger)), refresh=True)
            time.sleep(_REFRESH_INTERVAL_S)


def _watch(store: ObjectStore, ledger: Ledger, job_id: str) -> None:
    manifest = read_manifest(store, job_id)
    screen.warn_if_nobody_works(ledger, manifest.model.alias)
    with job_bar(screen.progress_console(), manifest.spec.kind, manifest.num_rows) as bar:
        wait_for_report(store, ledger, manifest, bar.show)


def _report(store: ObjectStore, job_id: str) -> Report:
    read_manifest(store, job_id)
    if (report := read_report(store, job_id)) is None:
        raise UserError(
            f"{job_id} has not ended yet; `bydawn status {job_id} --watch` waits for it. "
            f"Its finished parts are in {store.uri}/{layout.parts_prefix(job_id)}"
        )
    return report


COMMANDS = (status, jobs, results, queues)
