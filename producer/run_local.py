"""`bydawn run`: the whole path on one machine, resumable from its state folder."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import SecretStr
from rich.console import Console

from jobs import layout
from jobs.ledger import Progress
from jobs.manifest import Manifest, Report
from jobs.papers import read_manifest, read_report
from jobs.readers import InputRow
from jobs.settings import Settings
from jobs.stores import ObjectStore, open_store
from producer import state_folder
from producer.connection import Connection, connect
from producer.errors import UserError
from producer.export import export, refuse_other_results
from producer.keys import find_job
from producer.local_services import Guarded, check_alive, local_valkey, local_worker, wait_for_worker
from producer.progress import doing, job_bar
from producer.submit import Order, submit
from producer.watch import wait_for_report


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What a run needs to know; `make_order` is called once the model is known."""

    source: str
    make_order: Callable[[ObjectStore], Order]
    rows: Callable[[], Iterator[InputRow]]
    idempotency_key: str
    model: str
    out: Path
    state: Path
    overwrite: bool


DeliveredT = TypeVar("DeliveredT")


@dataclass(frozen=True, slots=True)
class Done(Generic[DeliveredT]):
    """A job's end. `loading_s` went by before it began; None if it had begun already."""

    report: Report
    delivered: DeliveredT
    loading_s: float | None


Deliver = Callable[[ObjectStore, Report], DeliveredT]
"""What is done with an ended job while its store is still ours."""


def run_local(run: LocalRun, console: Console) -> Done[Path]:
    """Do the job, or what is left of it, and export its outputs; the results' path is delivered."""
    return run_and_deliver(run, console, lambda store, report: export(store, report, run.out, run.overwrite))


def run_and_deliver(run: LocalRun, console: Console, deliver: Deliver[DeliveredT]) -> Done[DeliveredT]:
    """Do the job, or what is left of it, and deliver it."""
    if run.out.exists() and not run.out.is_dir():
        raise UserError(f"--out must be a folder, and {run.out} is a file")
    is_checked = not run.state.exists()
    if is_checked:  # before the folder is made: what is refused leaves nothing behind
        refuse_other_results(run.out, None, run.overwrite)
        _check(run.rows())
    with state_folder.locked(run.state) as store_path:
        store = open_store(str(store_path))
        known = find_job(store, run.idempotency_key)
        refuse_other_results(run.out, known, run.overwrite)
        ended, loading_s = None if known is None else read_report(store, known), None
        if ended is None:
            ended, loading_s = _work(run, store, console, known, is_checked)
        return Done(ended, deliver(store, ended), loading_s)


def _work(
    run: LocalRun, store: ObjectStore, console: Console, known: str | None, is_checked: bool
) -> tuple[Report, float | None]:
    """Also how long loading took, unless the job had begun before it."""
    state_folder.refuse_other_open_jobs(store, run.state, known or "")
    if known is None and not is_checked:
        _check(run.rows())
    with contextlib.ExitStack() as stack:
        broker_url = stack.enter_context(local_valkey(run.state))
        settings = Settings(
            broker_url=SecretStr(broker_url),
            store=store.uri,
            model=run.model,
            # Whoever names a source on this command means it to be read.
            allowed_sources=(run.source,) if run.source.startswith("s3://") else (),
        )
        worker = stack.enter_context(local_worker(run.state, settings))
        connection = connect(settings)
        started_s = time.monotonic()
        with doing(console, f"loading {run.model}"):
            wait_for_worker(connection.ledger, worker, run.state)
        loading_s = None if known is not None else time.monotonic() - started_s
        order = run.make_order(store)
        if known is not None:
            _refuse_other_model(read_manifest(store, known), order)
        job_id = submit(connection, order, run.rows())
        settled_before = 0 if known is None else sum(1 for _ in store.list(layout.parts_prefix(job_id)))
        manifest = read_manifest(store, job_id)
        return _watch(connection, manifest, worker, run.state, console, settled_before), loading_s


def _refuse_other_model(manifest: Manifest, order: Order) -> None:
    if manifest.model != order.model:
        raise UserError(
            f"the unfinished job was begun with other weights ({manifest.model.fingerprint}, now "
            f"{order.model.fingerprint}): put these back, or choose another --out to begin anew"
        )


def _check(rows: Iterator[InputRow]) -> None:
    """Bad input is told before a model is loaded for it."""
    for _ in rows:
        pass


def _watch(
    connection: Connection,
    manifest: Manifest,
    worker: Guarded,
    state: Path,
    console: Console,
    settled_before: int,
) -> Report:
    with job_bar(console, manifest.spec.kind, manifest.num_rows) as bar:

        def show(progress: Progress) -> None:
            # A ledger that is being rebuilt gains rows that nobody has just done.
            if progress.settled_shards >= settled_before:
                bar.show(progress)

        return wait_for_report(
            connection.store, connection.ledger, manifest, show, lambda: check_alive(worker, state)
        )
