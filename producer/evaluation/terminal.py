"""An evaluation as people see it on a terminal of 80 columns."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from producer.evaluation.classification import LabelFigures
from producer.evaluation.difference import Difference
from producer.evaluation.evaluation import Evaluation, Report
from producer.evaluation.label_evaluation import LabelEvaluation
from producer.evaluation.label_set_evaluation import LabelSetEvaluation
from producer.evaluation.meanings import CHOSEN_HERE, MEANINGS, TITLES, number, threshold
from producer.evaluation.row_lines import num_rows, row_lines
from producer.evaluation.summary_evaluation import SummaryEvaluation
from producer.evaluation.unknown_labels import UnknownLabel
from producer.evaluation.versus import Versus
from producer.percent import percent
from producer.plain import plain

_SHOWN_LABELS = 20
_SHOWN_PAIRS = 5
_SHOWN_WORST = 5
_TEXT_CHARS = 160


def show(report: Report, console: Console) -> None:
    evaluation = report.evaluation
    console.print(Text(plain(f"{report.results} against {report.truth}"), "bold"), soft_wrap=True)
    for line in row_lines(evaluation):
        console.print(Text(plain(line)), highlight=False)
    for part in _parts(evaluation):
        console.print()
        console.print(part, highlight=False)
    if report.versus is not None:
        console.print()
        console.print(_versus(report.versus), highlight=False)


def _parts(evaluation: Evaluation) -> Iterable[RenderableType]:
    match evaluation:
        case LabelEvaluation():
            yield from _label_parts(evaluation)
        case LabelSetEvaluation():
            yield from _label_set_parts(evaluation)
        case SummaryEvaluation():
            yield from _summary_parts(evaluation)


def _figures(*rows: tuple[str, str]) -> Table:
    """Name, value and what the value means."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="bold")
    table.add_column(style="dim")
    for name, value in rows:
        table.add_row(TITLES[name], value, MEANINGS[name])
    return table


def _label_parts(evaluation: LabelEvaluation) -> Iterable[RenderableType]:
    yield from _never_offered(evaluation.never_offered)
    figures = evaluation.figures
    rows = [("accuracy", number(figures.accuracy)), ("macro_f1", number(figures.macro_f1))]
    if figures.accuracy_answered is not None and figures.answered < figures.rows:
        rows.insert(1, ("accuracy_answered", number(figures.accuracy_answered)))
    if evaluation.accuracy_of_truth is not None:
        rows.insert(0, ("accuracy_of_truth", number(evaluation.accuracy_of_truth)))
    if evaluation.calibration is not None:
        rows.append(("calibration", number(evaluation.calibration.error)))
    yield _figures(*rows)
    if evaluation.calibration is None:
        yield Text(
            "no calibration and no coverage: these results hold no confidence (--label-only)", "yellow"
        )
    else:
        yield _coverage(evaluation)
    yield _labels(figures.labels)
    if evaluation.most_confused:
        yield _confused(evaluation)
    if evaluation.worst:
        yield _worst_labels(evaluation)


def _coverage(evaluation: LabelEvaluation) -> RenderableType:
    table = _table("what can be answered without a person")
    for name in ("if right at least", "rows answered", "share", "right", "confidence from"):
        table.add_column(name, justify="right")
    for each in evaluation.coverage:
        if each.threshold is None or each.reached is None:
            table.add_row(percent(each.precision), "0", percent(0.0), "-", "never that right")
            continue
        share, reached = percent(each.share), percent(each.reached)
        table.add_row(percent(each.precision), f"{each.answers:,}", share, reached, threshold(each.threshold))
    return Group(table, Text(CHOSEN_HERE, "dim"))


def _never_offered(labels: Sequence[UnknownLabel]) -> Iterable[Text]:
    if labels:
        named = ", ".join(map(str, labels[:_SHOWN_LABELS]))
        more = " and more" if len(labels) > _SHOWN_LABELS else ""
        line = f"right labels that the job did not know, so that it could not give them: {named}{more}"
        yield Text(plain(line), "yellow")


def _labels(labels: Sequence[LabelFigures]) -> RenderableType:
    table = _table("per label")
    table.add_column("label", overflow="fold", max_width=34)
    for name in ("rows", "given", "precision", "recall", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = sorted(labels, key=lambda each: (-each.support, each.label))[:_SHOWN_LABELS]
    for each in shown:
        counts = (f"{each.support:,}", f"{each.given:,}")
        shares = (number(each.precision), number(each.recall), number(each.f1))
        table.add_row(plain(each.label), *counts, *shares)
    if len(shown) == len(labels):
        return table
    more = f"and {len(labels) - len(shown):,} labels more, all in --json and --html"
    return Group(table, Text(more, "dim"))


def _confused(evaluation: LabelEvaluation) -> Table:
    table = _table("most often confused")
    table.add_column("right", overflow="fold", max_width=30)
    table.add_column("given", overflow="fold", max_width=30)
    table.add_column("rows", justify="right")
    for each in evaluation.most_confused[:_SHOWN_PAIRS]:
        table.add_row(Text(plain(each.truth)), Text(plain(each.given)), f"{each.rows:,}")
    return table


def _worst_labels(evaluation: LabelEvaluation) -> Table:
    table = _table("wrong and surest of it" if evaluation.calibration else "wrong, the first of them")
    table.add_column("id", overflow="fold", max_width=20)
    table.add_column("right", overflow="fold", max_width=18)
    table.add_column("given", overflow="fold", max_width=18)
    if evaluation.calibration:
        table.add_column("conf.", justify="right", no_wrap=True)
    shown = evaluation.worst[:_SHOWN_WORST]
    has_text = any(each.text for each in shown)
    if has_text:
        table.add_column("text", ratio=1)
    for each in shown:
        cells = [Text(plain(each.id)), Text(plain(each.truth)), Text(plain(each.given), "red")]
        if evaluation.calibration:
            cells.append(Text(number(each.confidence, digits=2)))
        table.add_row(*cells, *([_excerpt(each.text or "")] if has_text else []))
    return table


def _label_set_parts(evaluation: LabelSetEvaluation) -> Iterable[RenderableType]:
    yield from _never_offered(evaluation.never_offered)
    figures = evaluation.figures
    rows = [(name, number(getattr(figures, name))) for name in ("subset_accuracy", "micro_f1", "macro_f1")]
    if evaluation.accuracy_of_truth is not None:
        rows.insert(0, ("accuracy_of_truth", number(evaluation.accuracy_of_truth)))
    yield _figures(*rows)
    yield _labels(figures.labels)
    if evaluation.worst:
        yield _worst_sets(evaluation)


def _worst_sets(evaluation: LabelSetEvaluation) -> Table:
    table = _table("most labels wrong")
    table.add_column("id", overflow="fold", max_width=20)
    table.add_column("missing", overflow="fold")
    table.add_column("needless", overflow="fold", style="red")
    shown = evaluation.worst[:_SHOWN_WORST]
    has_text = any(each.text for each in shown)
    if has_text:
        table.add_column("text", ratio=1)
    for each in shown:
        cells = [Text(plain(cell)) for cell in (each.id, ", ".join(each.missing), ", ".join(each.needless))]
        table.add_row(*cells, *([_excerpt(each.text or "")] if has_text else []))
    return table


def _summary_parts(evaluation: SummaryEvaluation) -> Iterable[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True, style="bold")
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("", style="dim")
    for each in evaluation.averages:
        shown = [number(value, digits=1 if each.name == "words" else 3) for value in (each.mean, each.median)]
        table.add_row(TITLES[each.name], *shown, MEANINGS[each.name])
    for name in ("ends_whole", "over_limit", "low_quality_share"):
        if (share := getattr(evaluation, name)) is not None:
            table.add_row(TITLES[name], percent(share), "", MEANINGS[name])
    yield table
    yield from _summary_notes(evaluation)
    if evaluation.worst:
        yield _worst_summaries(evaluation)


def _summary_notes(evaluation: SummaryEvaluation) -> Iterable[Text]:
    if not evaluation.with_source:
        text = "no sources: --source FILE|FOLDER or --text-field tells what of the summaries stands in them"
        yield Text(text, "yellow")
    elif evaluation.with_source < evaluation.rows.compared:
        found = f"{evaluation.with_source:,} of {num_rows(evaluation.rows.compared)}"
        yield Text(f"sources were found for {found}", "yellow")
    if evaluation.low_quality:
        reasons = ", ".join(f"{mark} {times:,}" for mark, times in evaluation.low_quality.items())
        yield Text(plain(f"marked as of low quality: {reasons}"), "yellow")


def _worst_summaries(evaluation: SummaryEvaluation) -> Table:
    table = _table("lowest ROUGE-L (--html FILE shows all texts side by side)")
    table.add_column("id", overflow="fold", max_width=28)
    for name in ("ROUGE-L", "words"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("not in the source", ratio=1)
    for each in evaluation.worst[:_SHOWN_WORST]:
        figures = (number(each.figures.rouge_l), str(each.figures.words))
        table.add_row(Text(plain(each.id)), *figures, _excerpt(", ".join(each.unsupported)))
    return table


def _versus(versus: Versus) -> RenderableType:
    title = Text(plain(f"against {versus.other}, on {num_rows(versus.rows)} of both"), "bold")
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in ("ours", "theirs", "differ by", "95 % interval", "rows", "higher", "lower"):
        table.add_column(name, justify="right", no_wrap=True)
    for named in versus.differences:
        table.add_row(TITLES[named.name], *_difference_cells(named.difference, named.name == "words"))
    note = "Bold where the interval leaves out 0: chance in the choice of rows hardly explains it."
    return Group(title, table, Text(note, "dim"))


def _difference_cells(each: Difference, is_count: bool) -> list[Text]:
    digits = 1 if is_count else 3
    style = "bold" if each.is_clear else ""
    by, low, high = (f"{value:+.{digits}f}" for value in (each.difference, each.low, each.high))
    rows = [("-" if count is None else f"{count:,}") for count in (each.rows, each.higher, each.lower)]
    sides = [number(each.ours, digits), number(each.theirs, digits)]
    return [*map(Text, sides), Text(by, style), Text(f"{low} {high}", style), *map(Text, rows)]


def _table(title: str) -> Table:
    return Table(title=Text(title, "bold"), title_justify="left")


def _excerpt(text: str) -> Text:
    line = plain(" ".join(text.split()))
    return Text(line if len(line) <= _TEXT_CHARS else f"{line[: _TEXT_CHARS - 1]}…")
