"""`bydawn run` and `bydawn submit`, for each kind of job."""

import hashlib
import json
from datetime import datetime
from functools import partial
from pathlib import Path

import typer

from jobs.heads import Head
from jobs.manifest import Priority, ResultFormat
from jobs.settings import DEFAULT_MODEL, Settings
from jobs.spec import Kind, Spec
from jobs.stores import ObjectStore
from producer import options, screen
from producer.commands.compose import compose
from producer.commands.kinds import KINDS
from producer.commands.to_its_end import to_its_end
from producer.connection import connect, settings_from
from producer.deadline import parse_deadline
from producer.errors import JobFailedError, UserError
from producer.inputs import identity, input_rows, selection
from producer.remedies import remedy_of_run
from producer.run_local import Done, LocalRun, run_local
from producer.served import promised, served_model
from producer.submit import Order
from producer.submit import submit as submit_order
from producer.suited import refuse_missing_labels, suited_spec

run_app = typer.Typer(help="Do a whole job on this machine: nothing else needs to run.", no_args_is_help=True)
submit_app = typer.Typer(help="Queue a job for the workers and return its id.", no_args_is_help=True)


def run(
    spec: Spec,
    source: options.Source,
    out: options.Out,
    state: options.State = None,
    overwrite: options.Overwrite = False,
    text_field: options.TextField = None,
    id_field: options.IdField = None,
    limit: options.Limit = None,
    sample: options.Sample = None,
    sample_seed: options.SampleSeed = None,
    result_format: options.Format = ResultFormat.JSONL,
    max_failed_share: options.MaxFailedShare = 0.0,
    shard_rows: options.ShardRows = None,
    model: options.JobModel = None,
    as_json: options.Json = False,
    with_head: Head | None = None,
) -> None:
    model = _model(model, with_head)
    taken = (text_field, id_field, limit, sample, sample_seed)
    kept = [result_format, max_failed_share, shard_rows, model]
    key = _key(spec, identity(source), *taken, *kept)

    refuse_missing_labels(spec, model)

    def make_order(store: ObjectStore) -> Order:
        served = served_model(store, model)
        return Order(
            spec=suited_spec(spec, served, with_head),
            source=source,
            model=promised(served),
            result_format=result_format,
            max_failed_share=max_failed_share,
            idempotency_key=key,
            shard_rows=shard_rows,
            taken=selection(*taken),
            head=with_head,
        )

    rows = partial(input_rows, source, *taken, Settings().s3)
    local = LocalRun(source, make_order, rows, key, model, out, state or out / ".bydawn", overwrite)
    done = to_its_end(lambda: run_local(local, screen.progress_console()))
    if as_json:
        typer.echo(done.report.model_dump_json(indent=2))
    else:
        _show_done(done, spec.kind, out)
    if not done.report.succeeded:
        raise JobFailedError


def _show_done(done: Done[Path], kind: Kind, out: Path) -> None:
    report, results = done.report, done.delivered
    remedy = remedy_of_run(report)
    screen.show_report(report, str(results), str(out / "errors.jsonl"), remedy, done.loading_s)
    screen.show_first_results(kind, results, report.counts.ok)


def submit(
    spec: Spec,
    source: options.Source,
    text_field: options.TextField = None,
    id_field: options.IdField = None,
    limit: options.Limit = None,
    sample: options.Sample = None,
    sample_seed: options.SampleSeed = None,
    result_format: options.Format = ResultFormat.JSONL,
    max_failed_share: options.MaxFailedShare = 0.0,
    shard_rows: options.ShardRows = None,
    priority: options.PriorityOption = Priority.STANDARD,
    deadline: options.Deadline = None,
    idempotency_key: options.IdempotencyKey = None,
    model: options.JobModel = None,
    store: options.Store = "",
    broker: options.Broker = None,
    as_json: options.Json = False,
    with_head: Head | None = None,
) -> None:
    if idempotency_key is not None and not idempotency_key.strip():
        raise UserError("--idempotency-key is empty: give a key that stands for this job, or leave it out")
    settings = settings_from(store, broker)
    taken = (text_field, id_field, limit, sample, sample_seed)
    rows = input_rows(source, *taken, settings.s3)
    ends_at = parse_deadline(deadline, datetime.now().astimezone())
    connection = connect(settings)
    served = served_model(connection.store, _model(model, with_head))
    order = Order(
        spec=suited_spec(spec, served, with_head),
        source=source,
        model=promised(served),
        result_format=result_format,
        priority=priority,
        deadline=ends_at,
        max_failed_share=max_failed_share,
        idempotency_key=idempotency_key,
        shard_rows=shard_rows,
        taken=selection(*taken),
        head=with_head,
    )
    job_id = submit_order(connection, order, rows)
    screen.warn_if_nobody_works(connection.ledger, order.model.alias)
    typer.echo(json.dumps({"job_id": job_id}) if as_json else job_id)


def _model(given: str | None, head: Head | None) -> str:
    """A head knows the only model that it can be used with."""
    return given or (DEFAULT_MODEL if head is None else head.card.loaded_as)


def _key(spec: Spec, *parts: object) -> str:
    """What makes two runs the same job: the spec, the input as it is now, and what is taken of it."""
    text = "\n".join([spec.model_dump_json(), *map(str, parts)])
    return hashlib.sha256(text.encode()).hexdigest()


for _name, _make_spec in KINDS.items():
    run_app.command(_name)(compose(_make_spec, run))
    submit_app.command(_name)(compose(_make_spec, submit))
