"""What people see: tables and closing lines. Progress goes to the error stream, answers to the other."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import redis
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.dead_letters import DeadLetters
from jobs.ledger import Ledger
from jobs.manifest import Report, ResultFormat
from jobs.spec import Kind
from producer.overview import JobOverview, QueueDepth, UnreadableJob
from producer.plain import plain
from producer.states import shown_state, style_of

_WIDE_COLUMNS = {"priority": 100, "model": 130}
"""Columns of a job that are shown on terminals of so many characters or more."""
_UNCUT_WIDTH = 200
_SPACES_AT_END = re.compile(r" +$", re.MULTILINE)
_FIRST_ROWS: dict[Kind, int] = {"classify": 8, "summarize": 5, "generate": 5, "embed": 0}


def progress_console() -> Console:
    return Console(stderr=True)


def output_console(width_elsewhere: int = 100) -> Console:
    """A terminal has its width; what goes elsewhere has this one, and no spaces at the ends of lines."""
    if sys.stdout.isatty():
        return Console()
    width = None if "COLUMNS" in os.environ else width_elsewhere
    return Console(file=cast("IO[str]", _Trimmed(sys.stdout)), width=width)


class _Trimmed:
    """A stream of whole lines, without the spaces that tables fill up theirs with."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(_SPACES_AT_END.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def warn_if_nobody_works(ledger: Ledger, alias: str) -> None:
    """Of a job that is submitted; without Redis nobody knows who works, which is no reason to fail."""
    try:
        is_served = any(worker["model"] == alias for worker in ledger.workers())
    except redis.RedisError:
        return
    if not is_served:
        line = f"note: no worker for {alias} is alive now; the job waits until `bydawn worker` is started"
        progress_console().print(Text(line, "yellow"), soft_wrap=True)


def say(sentence: str) -> None:
    """Where there is nothing to show; on the error stream, so that what reads the other one sees nothing."""
    progress_console().print(_plain(sentence), soft_wrap=True)


def show_report(
    report: Report, results: str, errors: str, remedy: str | None, loading_s: float | None = None
) -> None:
    """How a job ended; `loading_s` went by before it began, where that is known."""
    console = output_console()
    counts = report.counts
    unlabelled = f" ({report.without_label:,} of them without a label)" if report.without_label else ""
    parts = [f"{counts.ok:,} ok{unlabelled}"]
    parts += [
        f"{number:,} {status}"
        for status in ("failed", "cancelled", "expired")
        if (number := getattr(counts, status))
    ]
    tokens = f"{counts.prompt_tokens:,} tokens in, {counts.output_tokens:,} out"
    took = duration(report.seconds)
    if loading_s is not None:
        took += f", after {duration(loading_s)} of loading"
    headline = Text.assemble(
        (report.state, style_of(report.state)),
        f" · {' · '.join(parts)} of {report.rows:,} rows · {tokens} · {took}",
    )
    console.print(headline, highlight=False)
    if report.stopped_because is not None:
        console.print(_plain(f"  stopped early: {report.stopped_because}"), soft_wrap=True)
    for failure in report.failures:
        rows = _num_rows(failure.rows)
        code = f"{failure.code} (at fault: {failure.fault})" if failure.code is not None else "not done"
        console.print(_plain(f"  {rows}: {code}: {failure.message or ''}"), soft_wrap=True)
    if remedy is not None:
        console.print(Text(f"  {remedy}"), soft_wrap=True)
    if report.low_quality:
        marks = ", ".join(f"{mark} {rows:,}" for mark, rows in report.low_quality.items())
        line = f"  {_num_rows(sum(report.low_quality.values()))} of low quality: {marks}"
        console.print(_plain(line), soft_wrap=True)
    console.print(Text(f"results in {results}"), soft_wrap=True)
    if report.errors is not None:
        console.print(Text(f"errors in {errors}"), soft_wrap=True)


def _num_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def show_first_results(kind: Kind, results: Path, num_results: int) -> None:
    """The first results as a table, so that one sees at once whether they make sense."""
    if results.suffix != f".{ResultFormat.JSONL}" or not (rows := _FIRST_ROWS[kind]):
        return
    with results.open(encoding="utf-8") as lines:
        first = [json.loads(line) for line in islice(lines, rows)]
    if first:
        output_console().print(_results_table(kind, first, num_results))


def _plain(text: str) -> Text:
    """Ids and answers are others' words: their control characters are not for our terminal."""
    return Text(plain(text))


def _results_table(kind: Kind, first: Sequence[dict[str, Any]], num_results: int) -> Table:
    are_all = len(first) == num_results
    title = "results" if are_all else f"first {len(first)} of {num_results:,} results"
    table = Table(show_lines=kind != "classify", title=title, title_justify="left")
    table.add_column("id", overflow="fold", max_width=32)
    match kind:
        case "classify":
            table.add_column("labels" if "labels" in first[0] else "label", style="green")
            if "confidence" in first[0]:
                table.add_column("confidence", justify="right")
        case "summarize":
            table.add_column("summary")
        case _:
            table.add_column("text")
    for line in first:
        table.add_row(_plain(line["id"]), *_cells(kind, line))
    return table


def _cells(kind: Kind, line: dict[str, Any]) -> list[Text]:
    match kind:
        case "classify":
            confidence = [Text(f"{line['confidence']:.2f}")] if "confidence" in line else []
            return [_plain(_labels(line)), *confidence]
        case "summarize":
            mark = line.get("low_quality")
            return [_plain(line["summary"]) + (Text(f" [{mark}]", "yellow") if mark else Text())]
        case _:
            return [_plain(line["text"])]


def _labels(line: dict[str, Any]) -> str:
    if "labels" in line:
        return ", ".join(line["labels"]) or "none"
    if line["label"] is None:
        return f"none (perhaps {', '.join(each['label'] for each in line['candidates'])})"
    return str(line["label"])


def show_jobs(jobs: Iterable[JobOverview | UnreadableJob]) -> None:
    console = output_console(_UNCUT_WIDTH)  # a line a job, which a file or a program needs whole
    more = [name for name, from_columns in _WIDE_COLUMNS.items() if console.width >= from_columns]
    table = Table(box=None, padding=(0, 1, 0, 0))
    # Only the source gives way on a narrow terminal: a job's id must stay whole, to be used.
    for name, width in (("job", 24), ("kind", 9), ("state", 9)):
        table.add_column(name, no_wrap=True, min_width=width)
    for name, width in (("rows", 7), ("not ok", 6), ("age", 10)):
        table.add_column(name, no_wrap=True, min_width=width, justify="right")
    for name in more:
        table.add_column(name, no_wrap=True)
    table.add_column("source")
    unreadable: list[str] = []
    for job in jobs:
        if isinstance(job, UnreadableJob):
            unreadable.append(job.job_id)
            table.add_row(*_unreadable_cells(job, more))
        else:
            table.add_row(*_job_cells(job, more))
    console.print(table)
    if unreadable:
        say(f"`bydawn status {unreadable[0]}` says why no more can be told of it, and what to do")


def _job_cells(job: JobOverview, more: Sequence[str]) -> list[str | Text]:
    counts, state = job.counts, shown_state(job)
    numbers = (f"{counts.rows:,}/{job.rows:,}", f"{counts.rows - counts.ok:,}", _age(job.created_at))
    wide = (str(getattr(job, name)) for name in more)
    return [job.job_id, job.kind, Text(state, style_of(state)), *numbers, *wide, _one_line(job.source)]


def _unreadable_cells(job: UnreadableJob, more: Sequence[str]) -> list[str | Text]:
    age = "" if job.created_at is None else _age(job.created_at)
    unknown = [""] * len(more)
    return [job.job_id, "", Text(job.state, style_of(job.state)), "", "", age, *unknown, ""]


def _one_line(text: str) -> Text:
    return Text(plain(text), no_wrap=True, overflow="ellipsis")


def _age(created_at: datetime) -> str:
    return duration((datetime.now(UTC) - created_at).total_seconds())


def show_open_job(job: JobOverview) -> None:
    """Where it stands, and what holds for the rest of it."""
    show_jobs([job])
    until = (
        "no deadline" if job.deadline is None else f"deadline {job.deadline.isoformat(timespec='minutes')}"
    )
    output_console().print(Text(f"priority {job.priority} · {until} · model {job.model}"), soft_wrap=True)


def show_dead_letters(letters: Iterable[DeadLetters]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name, width in (("job", 24), ("code", 6), ("died", 16)):
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column("shard", no_wrap=True, justify="right")
    table.add_column("row", overflow="fold")
    for shard in letters:
        for row in shard.rows:
            died = f"{row.died_at.astimezone():%Y-%m-%d %H:%M}"
            table.add_row(shard.job_id, row.code, died, str(shard.shard_no), _plain(row.id))
    output_console().print(table)


def queues_table(queues: Iterable[QueueDepth]) -> Table:
    """What ended of the workers' engines is shown only where something has."""
    shown = list(queues)
    tells_ends = any(queue.last_engine_end is not None for queue in shown)
    table = Table(box=None)
    table.add_column("model")
    for name in ("urgent", "standard", "bulk", "in flight", "workers"):
        table.add_column(name, justify="right")
    for name in ("no engine", "restarts") if tells_ends else ():
        table.add_column(name, justify="right")
    if tells_ends:
        table.add_column("last engine end")
    for queue in shown:
        waiting = [f"{number:,}" for number in (queue.urgent, queue.standard, queue.bulk)]
        ends = _engine_cells(queue) if tells_ends else ()
        table.add_row(queue.model, *waiting, f"{queue.in_flight:,}", f"{queue.workers:,}", *ends)
    return table


def _engine_cells(queue: QueueDepth) -> list[Text]:
    without = Text(f"{queue.without_engine:,}", "red" if queue.without_engine else "")
    end = queue.last_engine_end
    how = Text() if end is None else _plain(f"{end.reason}, {_age(end.at)} ago")
    return [without, Text(f"{queue.engine_restarts:,}"), how]


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 14 min`, `5 d`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d"
