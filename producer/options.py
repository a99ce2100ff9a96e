"""The command line's options, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.manifest import Priority, ResultFormat

_INPUT, _JOB, _WHERE = "Input", "Job", "Where"

Source = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help="A .csv, .tsv, .jsonl or .parquet file, a folder of documents, or s3://..."
    ),
]
TextField = Annotated[
    str | None,
    typer.Option(help="The column that holds the text.", rich_help_panel=_INPUT, show_default="text"),
]
IdField = Annotated[
    str | None,
    typer.Option(
        help="The column that holds the row's id.", rich_help_panel=_INPUT, show_default="id, else line"
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first N rows.", rich_help_panel=_INPUT)]
Sample = Annotated[int | None, typer.Option(min=1, help="N rows at random.", rich_help_panel=_INPUT)]
SampleSeed = Annotated[
    int | None, typer.Option(help="Of --sample.", rich_help_panel=_INPUT, show_default="0")
]

Labels = Annotated[
    str | None, typer.Option(help="Comma-separated; `_` reads as a space.", rich_help_panel=_JOB)
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(help="JSON: a list of labels, or {label: description}.", rich_help_panel=_JOB),
]
Examples = Annotated[
    Path | None, typer.Option(help="A table of texts with their right labels.", rich_help_panel=_JOB)
]
LabelField = Annotated[str, typer.Option(help="Of --examples: the label's column.", rich_help_panel=_JOB)]
LabelOnly = Annotated[
    bool,
    typer.Option("--label-only", help="Faster: rows hold no scores and no confidence.", rich_help_panel=_JOB),
]
MaxWords = Annotated[int, typer.Option(min=10, max=2000, help="Of a summary.", rich_help_panel=_JOB)]
SectionTokens = Annotated[
    int,
    typer.Option(min=64, help="Longer documents are cut; a large model takes more.", rich_help_panel=_JOB),
]
MaxTokens = Annotated[int, typer.Option(min=1, max=32_768, help="Of an answer.", rich_help_panel=_JOB)]
Temperature = Annotated[float, typer.Option(min=0.0, max=2.0, help="0 is greedy.", rich_help_panel=_JOB)]
TopK = Annotated[int | None, typer.Option(min=1, help="Draw from the K likeliest.", rich_help_panel=_JOB)]
TopP = Annotated[
    float | None,
    typer.Option(
        help="Draw from the likeliest that have this share together: above 0, at most 1.",
        rich_help_panel=_JOB,
    ),
]
MinP = Annotated[
    float | None,
    typer.Option(
        help="Leave out what is less likely than this times the likeliest: above 0, at most 1.",
        rich_help_panel=_JOB,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="The same random draws for a row on every run.", rich_help_panel=_JOB),
]
Stop = Annotated[
    list[str] | None,
    typer.Option(help="End the answer before this text; may be given again.", rich_help_panel=_JOB),
]
Choices = Annotated[
    str | None, typer.Option(help="Comma-separated; the answer is one of them.", rich_help_panel=_JOB)
]
SchemaFile = Annotated[
    Path | None,
    typer.Option("--json-schema", help="The answer is JSON, valid under it.", rich_help_panel=_JOB),
]
Regex = Annotated[
    str | None, typer.Option(help="The whole answer matches it; Rust's syntax.", rich_help_panel=_JOB)
]
System = Annotated[str | None, typer.Option(help="The system message of every prompt.", rich_help_panel=_JOB)]
Pool = Annotated[str, typer.Option(help="mean, last or mean+last, over the tokens.", rich_help_panel=_JOB)]
Layer = Annotated[int, typer.Option(help="Whose hidden states; -1 is the last.", rich_help_panel=_JOB)]
Format = Annotated[
    ResultFormat,
    typer.Option("--format", help="csv and parquet are joined to the input's columns.", rich_help_panel=_JOB),
]
MaxFailedShare = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="The job succeeds if no more rows fail.", rich_help_panel=_JOB),
]
ShardRows = Annotated[
    int | None,
    typer.Option(min=1, max=10_000, help="Rows per message; by kind if not given.", rich_help_panel=_JOB),
]
PriorityOption = Annotated[Priority, typer.Option(help="Drained in this order.", rich_help_panel=_JOB)]
Deadline = Annotated[
    str | None,
    typer.Option(
        help="HH:MM (the next one, local time) or ISO 8601; the rest expires.", rich_help_panel=_JOB
    ),
]
IdempotencyKey = Annotated[
    str | None, typer.Option(help="The same key gives the same job.", rich_help_panel=_JOB)
]

Model = Annotated[
    str,
    typer.Option(envvar="BYDAWN_MODEL", help="Name, folder, GGUF file or hub name.", rich_help_panel=_WHERE),
]
Store = Annotated[
    str, typer.Option(envvar="BYDAWN_STORE", help="A folder or s3://bucket/prefix.", rich_help_panel=_WHERE)
]
Broker = Annotated[
    str | None,
    typer.Option(envvar="BYDAWN_BROKER_URL", help="redis://...", show_envvar=True, rich_help_panel=_WHERE),
]
Out = Annotated[Path, typer.Option(help="Folder for the results.", rich_help_panel=_WHERE)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace another job's results in --out.", rich_help_panel=_WHERE)
]
State = Annotated[
    Path | None,
    typer.Option(help="Folder from which a run resumes.", show_default="OUT/.bydawn", rich_help_panel=_WHERE),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]

JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
