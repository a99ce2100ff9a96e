"""`bydawn evaluate`: how good results are, against a table that says what is right."""

from pathlib import Path
from typing import Annotated

import typer

from producer import options
from producer.connection import settings_from
from producer.evaluation.extra import needs_extra
from producer.evaluation.given import check_sources, check_targets

_TRUTH = "Truth"
_SHOW = "What is shown"

ResultsGiven = Annotated[
    str,
    typer.Argument(
        metavar="RESULTS",
        help="A results file (.jsonl, .csv or .parquet), the OUT folder of a run, or a job's id.",
    ),
]
TruthTable = Annotated[
    str,
    typer.Option("--truth", help="A .csv, .tsv, .jsonl or .parquet file.", rich_help_panel=_TRUTH),
]
IdField = Annotated[
    str | None,
    typer.Option(
        help="The truth's column with the results' ids.", rich_help_panel=_TRUTH, show_default="id, else line"
    ),
]
LabelField = Annotated[
    str | None,
    typer.Option(
        help="The right label; several as a list or a|b.",
        rich_help_panel=_TRUTH,
        show_default="label or labels",
    ),
]
SummaryField = Annotated[
    str | None,
    typer.Option(help="The reference summary.", rich_help_panel=_TRUTH, show_default="summary"),
]
SourceTexts = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="What was summarised: a table, or a folder of documents.",
        rich_help_panel=_TRUTH,
        show_default="the truth",
    ),
]
TextField = Annotated[
    str | None,
    typer.Option(
        help="The column that holds the source's text.", rich_help_panel=_TRUTH, show_default="text"
    ),
]
MaxWords = Annotated[
    int | None,
    typer.Option(
        min=1, help="The limit that summaries had.", rich_help_panel=_TRUTH, show_default="the job's"
    ),
]
Versus = Annotated[
    str | None,
    typer.Option(help="Other results on the same rows, to be compared with.", rich_help_panel=_SHOW),
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write all of it as one page.", rich_help_panel=_SHOW)
]
Picture = Annotated[
    Path | None,
    typer.Option(help="Write the confusion matrix as a .png.", rich_help_panel=_SHOW),
]


def evaluate(
    results: ResultsGiven,
    truth: TruthTable,
    id_field: IdField = None,
    label_field: LabelField = None,
    summary_field: SummaryField = None,
    source: SourceTexts = None,
    text_field: TextField = None,
    max_words: MaxWords = None,
    versus: Versus = None,
    html: Html = None,
    picture: Picture = None,
    store: options.Store = "",
    as_json: options.Json = False,
) -> None:
    """Compare a job's labels or summaries with right ones: accuracy, calibration, ROUGE and more."""
    check_sources(results, truth, versus, source)
    check_targets(html, picture)
    with needs_extra():  # not before: these take seconds
        from producer.evaluation import evaluation, outputs

    asked = evaluation.Asked(
        results=results,
        truth=truth,
        versus=versus,
        id_field=id_field,
        label_field=label_field,
        summary_field=summary_field,
        source=source,
        text_field=text_field,
        max_words=max_words,
    )
    whole = evaluation.evaluate(asked, settings_from(store, None), outputs.tell_progress)
    with needs_extra():
        outputs.write(whole, html, picture)
    if as_json:
        typer.echo(outputs.as_json(whole.report))
    else:
        outputs.show(whole.report)
    outputs.tell_written(html, picture)
