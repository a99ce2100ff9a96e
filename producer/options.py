"""The options that all kinds of job share, each declared once; a kind's own stand beside its command."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.manifest import Priority, ResultFormat
from jobs.settings import DEFAULT_MODEL

INPUT, JOB, WHERE = "Input", "Job", "Where"

MAX_ROWS = 1_000_000_000
MAX_TOKENS = 1_000_000


def one_of(choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    """The parser of an option or an argument; typer's own refusal has pydantic's words before it."""

    def parse(given: str) -> StrEnum:
        try:
            return choices(given)
        except ValueError as error:
            raise typer.BadParameter(f"{given!r} is not one of {', '.join(choices)}") from error

    return parse


def _shown(choices: type[StrEnum]) -> str:
    return f"[{'|'.join(choices)}]"


Source = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="A .csv, .tsv, .jsonl or .parquet file, a folder of documents, s3://..., or a pattern with *.",
    ),
]
TextField = Annotated[
    str | None,
    typer.Option(help="The column that holds the text.", rich_help_panel=INPUT, show_default="text"),
]
IdField = Annotated[
    str | None,
    typer.Option(
        help="The column that holds the row's id.", rich_help_panel=INPUT, show_default="id, else line"
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, max=MAX_ROWS, help="Only the first N rows.", rich_help_panel=INPUT)
]
Sample = Annotated[
    int | None, typer.Option(min=1, max=MAX_ROWS, help="N rows at random.", rich_help_panel=INPUT)
]
SampleSeed = Annotated[int | None, typer.Option(help="Of --sample.", rich_help_panel=INPUT, show_default="0")]

Format = Annotated[
    ResultFormat,
    typer.Option(
        "--format",
        help="csv and parquet are joined to the input's columns.",
        rich_help_panel=JOB,
        parser=one_of(ResultFormat),
        metavar=_shown(ResultFormat),
    ),
]
MaxFailedShare = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="The job succeeds if no more rows fail.", rich_help_panel=JOB),
]
ShardRows = Annotated[
    int | None,
    typer.Option(min=1, max=10_000, help="Rows per message; by kind if not given.", rich_help_panel=JOB),
]
PriorityOption = Annotated[
    Priority,
    typer.Option(
        help="Drained in this order.",
        rich_help_panel=JOB,
        parser=one_of(Priority),
        metavar=_shown(Priority),
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(help="HH:MM (the next one, local time) or ISO 8601; the rest expires.", rich_help_panel=JOB),
]
IdempotencyKey = Annotated[
    str | None, typer.Option(help="The same key gives the same job.", rich_help_panel=JOB)
]

Model = Annotated[
    str,
    typer.Option(envvar="BYDAWN_MODEL", help="Name, folder, GGUF file or hub name.", rich_help_panel=WHERE),
]
JobModel = Annotated[
    str | None,
    typer.Option(
        envvar="BYDAWN_MODEL",
        help="Name, folder, GGUF file or hub name.",
        show_default=f"a head's own, else {DEFAULT_MODEL}",
        rich_help_panel=WHERE,
    ),
]
Store = Annotated[
    str, typer.Option(envvar="BYDAWN_STORE", help="A folder or s3://bucket/prefix.", rich_help_panel=WHERE)
]
Broker = Annotated[
    str | None,
    typer.Option(envvar="BYDAWN_BROKER_URL", help="redis://...", show_envvar=True, rich_help_panel=WHERE),
]
Out = Annotated[Path, typer.Option(help="Folder for the results.", rich_help_panel=WHERE)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace another job's results in --out.", rich_help_panel=WHERE)
]
State = Annotated[
    Path | None,
    typer.Option(help="Folder from which a run resumes.", show_default="OUT/.bydawn", rich_help_panel=WHERE),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]

JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
