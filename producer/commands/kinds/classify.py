"""`classify`: its options and its spec."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.spec import ClassifySpec, HeadRef, Label
from producer import options
from producer.asked import Asked
from producer.errors import UserError
from producer.heads import read_head
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


HeadFolder = Annotated[
    Path | None,
    typer.Option(help="What `bydawn fit` made: labels by it, not by a prompt.", rich_help_panel=options.JOB),
]

AbstainBelow = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Less sure rows have no label but candidates; 0 for none.",
        rich_help_panel=options.JOB,
        show_default="a head's own",
    ),
]


def classify(
    labels: Labels = None,
    labels_file: LabelsFile = None,
    examples: Examples = None,
    label_field: LabelField = "label",
    text_field: options.TextField = None,
    label_only: LabelOnly = False,
    head: HeadFolder = None,
    abstain_below: AbstainBelow = None,
) -> ClassifySpec | Asked:
    """One label per text, with a probability for each."""
    if head is not None:
        _refuse_beside_head(labels=labels, labels_file=labels_file, examples=examples)
        return _with_head(head, abstain_below, scores=not label_only)
    return ClassifySpec(
        labels=parse_labels(labels, labels_file),
        examples=parse_examples(examples, text_field, label_field),
        scores=not label_only,
        abstain_below=abstain_below or None,
    )


def _refuse_beside_head(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"a head has learned its labels, and takes no {option}: give one of the two")


def _with_head(folder: Path, abstain_below: float | None, *, scores: bool) -> Asked:
    head = read_head(folder)
    own = head.card.abstain_below
    if not scores and abstain_below is None and own is not None:
        raise UserError(
            f"below a confidence of {own} this head gives no label, and --label-only leaves confidences out: "
            "leave that away, or give --abstain-below 0"
        )
    spec = ClassifySpec(
        labels=tuple(Label(name=name) for name in head.card.labels),
        scores=scores,
        abstain_below=(own if abstain_below is None else abstain_below) or None,
        head=HeadRef(sha256=head.sha256),
    )
    return Asked(spec, head)
