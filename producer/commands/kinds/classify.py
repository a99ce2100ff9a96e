"""`classify`: its options and its spec."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from jobs.spec import ClassifySpec, HeadRef, Label
from jobs.spec.classify import Calibration
from producer import options
from producer.asked import Asked
from producer.errors import UserError
from producer.heads import read_head
from producer.labels import drawn, parse_examples, parse_labels

Labels = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated; `_` reads as a space, `/` parts levels.", rich_help_panel=options.JOB
    ),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        help="YAML or JSON: a list of labels (name, description, examples), or {label: description}.",
        rich_help_panel=options.JOB,
    ),
]
Examples = Annotated[
    Path | None, typer.Option(help="A table of texts with their right labels.", rich_help_panel=options.JOB)
]
LabelField = Annotated[
    str, typer.Option(help="Of --examples: the label's column.", rich_help_panel=options.JOB)
]
ExamplesTokens = Annotated[
    int | None,
    typer.Option(
        min=16,
        max=options.MAX_TOKENS,
        help="What the examples may take of every prompt.",
        show_default="1024, or one of each label",
        rich_help_panel=options.JOB,
    ),
]
CalibrationOption = Annotated[
    str,
    typer.Option(
        help="From what it is learned which labels the model favours anyway: "
        f"{', '.join(get_args(Calibration))}.",
        rich_help_panel=options.JOB,
    ),
]
LabelOnly = Annotated[
    bool,
    typer.Option(
        "--label-only", help="Faster: rows hold no scores and no confidence.", rich_help_panel=options.JOB
    ),
]
Multi = Annotated[
    bool, typer.Option("--multi", help="A row may have several labels, or none.", rich_help_panel=options.JOB)
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Of --multi: how probable each label must be.", show_default="0.5", rich_help_panel=options.JOB
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

_LEAST_EXAMPLE_TOKENS = 4
_MOST_EXAMPLES_TOKENS = 4096  # what is drawn for a budget that only the worker knows


def classify(
    labels: Labels = None,
    labels_file: LabelsFile = None,
    examples: Examples = None,
    label_field: LabelField = "label",
    text_field: options.TextField = None,
    examples_tokens: ExamplesTokens = None,
    calibration: CalibrationOption = "learned",
    label_only: LabelOnly = False,
    multi: Multi = False,
    threshold: Threshold = None,
    head: HeadFolder = None,
    abstain_below: AbstainBelow = None,
) -> ClassifySpec | Asked:
    """One label per text, or several, with a probability for each."""
    if head is not None:
        _refuse_beside_head(labels=labels, labels_file=labels_file, examples=examples, multi=multi or None)
        return _with_head(head, abstain_below, scores=not label_only)
    given = parse_labels(labels, labels_file)
    with_labels = (*given.examples, *parse_examples(examples, text_field, label_field, given.labels))
    # Only the worker can count tokens. No more than this fit in any case, so the others needn't be kept.
    most = (examples_tokens or _MOST_EXAMPLES_TOKENS) // (_LEAST_EXAMPLE_TOKENS * max(1, len(given.labels)))
    return ClassifySpec(
        labels=given.labels,
        examples=drawn(with_labels, given.labels, max(1, most)),
        examples_tokens=examples_tokens,
        calibration=_calibration(calibration),
        scores=not label_only,
        multi=multi,
        threshold=threshold,
        abstain_below=abstain_below or None,
    )


def _calibration(given: str) -> Calibration:
    if given not in (allowed := get_args(Calibration)):
        raise UserError(f"--calibration can't be {given!r}; allowed are {', '.join(allowed)}")
    return cast("Calibration", given)


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
