"""The vectors of a history's texts: an `embed` job on this machine, or one for the workers of a queue."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from jobs.manifest import Model, Report
from jobs.papers import read_manifest
from jobs.stores import ObjectStore
from producer.connection import Connection
from producer.errors import UserError
from producer.fitting.texts import Texts
from producer.fitting.vectors import Embedded, read_vectors
from producer.progress import job_bar
from producer.run_local import LocalRun, run_and_deliver
from producer.screen import warn_if_nobody_works
from producer.served import promised, served_model
from producer.submit import Order, submit
from producer.suited import suited_spec
from producer.watch import wait_for_report


def embed_here(texts: Texts, out: Path, state: Path, console: Console) -> tuple[Model, Embedded]:
    """With services that end when it does; what is done lies in `state`."""
    key = texts.key(None)  # whether the vectors are there already is asked before the model is loaded
    run = LocalRun(
        source=texts.source,
        make_order=lambda store: replace(order_of(texts, store), idempotency_key=key),
        rows=lambda: iter(texts.rows),
        idempotency_key=key,
        model=texts.model,
        out=out,
        state=state,
        overwrite=False,
    )
    return run_and_deliver(run, console, _vectors).delivered


def embed_by_workers(texts: Texts, connection: Connection, console: Console) -> tuple[Model, Embedded]:
    """As a job like any other; it stays in the store."""
    job_id = submit(connection, order_of(texts, connection.store), iter(texts.rows))
    manifest = read_manifest(connection.store, job_id)
    warn_if_nobody_works(connection.ledger, manifest.model.alias)
    with job_bar(console, manifest.spec.kind, manifest.num_rows) as bar:
        report = wait_for_report(connection.store, connection.ledger, manifest, bar.show)
    return _vectors(connection.store, report)


def order_of(texts: Texts, store: ObjectStore) -> Order:
    """The job that gives the vectors."""
    served = served_model(store, texts.model)
    model = promised(served)
    return Order(
        spec=suited_spec(texts.spec, served),
        source=texts.source,
        model=model,
        idempotency_key=texts.key(model.fingerprint),
    )


def _vectors(store: ObjectStore, report: Report) -> tuple[Model, Embedded]:
    counts = report.counts
    if counts.failed and not counts.ok:  # first, for a job that is hopeless is stopped, too
        raise UserError(f"no text of the history could be embedded: {report.failures[0].message}")
    if counts.cancelled or counts.expired:
        raise UserError(
            f"the vectors' job {report.job_id} was stopped on its way: `bydawn rm {report.job_id}`, then the "
            "same command again"
        )
    manifest = read_manifest(store, report.job_id)
    return manifest.model, read_vectors(store, manifest)
