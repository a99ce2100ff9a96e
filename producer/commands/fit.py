"""`bydawn fit`: a head that labels as a history does."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import typer

from jobs.heads import Head
from jobs.names import model_alias
from jobs.settings import DEFAULT_MODEL, Settings
from jobs.spec import EmbedSpec
from producer import options, screen
from producer.commands.to_its_end import to_its_end
from producer.connection import Connection, connect, settings_from
from producer.errors import UserError
from producer.fitting.extra import check_installed
from producer.fitting.history import History, check_labels, read_history
from producer.fitting.texts import Texts
from producer.head_screen import show_head
from producer.heads import save_head
from producer.inputs import input_rows
from producer.progress import doing
from producer.served import served_model

HEAD = "Head"

# By cross-validation on CLINC and banking77 tickets; other models' best layer is for their users to find.
_MEASURED_LAYERS = {"smollm2-135m-instruct": 8}

HistoryFile = Annotated[
    str, typer.Argument(metavar="HISTORY", help="A .csv, .tsv, .jsonl or .parquet file with labels.")
]
LabelField = Annotated[
    str, typer.Option(help="The column that holds the label.", rich_help_panel=options.INPUT)
]
Out = Annotated[Path, typer.Option(help="Folder for the head.", rich_help_panel=options.WHERE)]
Pool = Annotated[
    str,
    typer.Option(help="default, mean, last, mean+last or cls.", rich_help_panel=HEAD),
]
Layer = Annotated[
    int | None,
    typer.Option(
        help="Whose hidden states; -1 is the last.",
        rich_help_panel=HEAD,
        show_default="8 of the default model, else the last",
    ),
]
Folds = Annotated[int, typer.Option(min=2, max=20, help="Of the cross-validation.", rich_help_panel=HEAD)]
Queue = Annotated[
    str | None,
    typer.Option(
        "--broker",
        envvar="BYDAWN_BROKER_URL",
        help="Let the workers of this queue read the texts, by BYDAWN_STORE; without it this machine does.",
        show_envvar=True,
        rich_help_panel=options.WHERE,
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Leave rows unlabelled, so that so many of the labelled ones are right.",
        rich_help_panel=HEAD,
    ),
]


def fit(
    history: HistoryFile,
    out: Out,
    text_field: options.TextField = None,
    label_field: LabelField = "label",
    id_field: options.IdField = None,
    limit: options.Limit = None,
    sample: options.Sample = None,
    sample_seed: options.SampleSeed = None,
    pool: Pool = "default",
    layer: Layer = None,
    folds: Folds = 5,
    precision: Precision = None,
    model: options.Model = DEFAULT_MODEL,
    store: options.Store = "",
    broker: Queue = None,
    as_json: options.Json = False,
) -> None:
    """Learn labels from a labelled history, for `classify --head`; says how good it is on held-out rows."""
    check_installed()
    if out.exists() and not out.is_dir():
        raise UserError(f"--out must be a folder, and {out} is a file")
    settings = settings_from(store, broker)
    taken = (text_field, id_field, limit, sample, sample_seed)
    labelled = read_history(history, input_rows(history, *taken, settings.s3), label_field)
    check_labels(history, labelled, folds)
    spec = _spec(pool, layer, model)
    texts = Texts(history, labelled.rows, spec, model)
    asks = _Asked(folds, precision, settings if broker is not None else None)
    head = to_its_end(lambda: _learn(texts, labelled, out, asks))
    save_head(head, out)
    shutil.rmtree(out / ".bydawn", ignore_errors=True)  # the vectors have served
    if as_json:
        typer.echo(head.card.model_dump_json(indent=2))
    else:
        show_head(head.card, out, text_field, id_field)


@dataclass(frozen=True, slots=True)
class _Asked:
    folds: int
    precision: float | None
    queue: Settings | None
    """Whose workers embed the texts; None if this machine does."""


def _learn(texts: Texts, history: History, out: Path, asked: _Asked) -> Head:
    # Not before: these need what only the extra `fit` has, and all commands are imported with this one.
    from producer.fitting.embed_history import embed_by_workers, embed_here
    from producer.fitting.make_head import Wanted, make_head

    console = screen.progress_console()
    if asked.queue is None:
        model, embedded = embed_here(texts, out, out / ".bydawn", console)
    else:
        model, embedded = embed_by_workers(texts, _with_workers(asked.queue, texts.model), console)
    history = history.less(embedded.failed)
    check_labels(texts.source, history, asked.folds)
    labels = [history.labels[row_id] for row_id in embedded.ids]
    wanted = Wanted(
        model,
        _found_from_anywhere(texts.model),
        texts.spec,
        asked.folds,
        asked.precision,
        dict(history.left_out),
    )
    with doing(console, f"fitting {len(set(labels))} labels on {len(labels):,} texts"):
        return make_head(embedded.vectors, labels, wanted)


def _with_workers(queue: Settings, model: str) -> Connection:
    """Settings in the environment may be there for other commands: what they lack says how to do without."""
    try:
        connection = connect(queue)
        served_model(connection.store, model)
    except UserError as error:
        raise UserError(
            f"{error}; or unset BYDAWN_BROKER_URL (or leave --broker out) to fit on this machine"
        ) from error
    return connection


def _found_from_anywhere(model: str) -> str:
    """A path in full; a bare name may be one that a package has, whatever folder is called so, too."""
    path = Path(model).expanduser()
    is_path = ("/" in model or path.suffix == ".gguf") and path.exists()
    return str(path.absolute()) if is_path else model


def _spec(pool: str, layer: int | None, model: str) -> EmbedSpec:
    allowed = get_args(EmbedSpec.model_fields["pool"].annotation)
    if pool not in allowed:
        raise UserError(f"--pool can't be {pool!r}; allowed are {', '.join(allowed)}")
    if layer is None:
        layer = _MEASURED_LAYERS.get(model_alias(model), -1)
    return EmbedSpec.model_validate({"pool": pool, "layer": layer})
