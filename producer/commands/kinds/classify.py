"""`classify`: its options and its spec."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from jobs.spec import ClassifySpec
from jobs.spec.classify import Calibration
from producer import options
from producer.errors import UserError
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
AbstainBelow = Annotated[
    float | None,
    typer.Option(help="No label where the best is less probable.", rich_help_panel=options.JOB),
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
    abstain_below: AbstainBelow = None,
) -> ClassifySpec:
    """One label per text, or several, with a probability for each."""
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
        abstain_below=abstain_below,
    )


def _calibration(given: str) -> Calibration:
    if given not in (allowed := get_args(Calibration)):
        raise UserError(f"--calibration can't be {given!r}; allowed are {', '.join(allowed)}")
    return cast("Calibration", given)
