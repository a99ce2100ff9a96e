"""`classify`: its options and its spec."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.spec import ClassifySpec
from producer import options
from producer.inputs import parse_examples, parse_labels

Labels = Annotated[
    str | None, typer.Option(help="Comma-separated; `_` reads as a space.", rich_help_panel=options.JOB)
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(help="JSON: a list of labels, or {label: description}.", rich_help_panel=options.JOB),
]
Examples = Annotated[
    Path | None, typer.Option(help="A table of texts with their right labels.", rich_help_panel=options.JOB)
]
LabelField = Annotated[
    str, typer.Option(help="Of --examples: the label's column.", rich_help_panel=options.JOB)
]
LabelOnly = Annotated[
    bool,
    typer.Option(
        "--label-only", help="Faster: rows hold no scores and no confidence.", rich_help_panel=options.JOB
    ),
]


def classify(
    labels: Labels = None,
    labels_file: LabelsFile = None,
    examples: Examples = None,
    label_field: LabelField = "label",
    text_field: options.TextField = None,
    label_only: LabelOnly = False,
) -> ClassifySpec:
    """One label per text, with a probability for each."""
    return ClassifySpec(
        labels=parse_labels(labels, labels_file),
        examples=parse_examples(examples, text_field, label_field),
        scores=not label_only,
    )
