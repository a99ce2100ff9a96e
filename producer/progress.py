"""Progress bars on the terminal's error stream: rows, rows/s, tokens/s, time left."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from jobs.ledger import Progress as JobProgress

_MIN_ELAPSED_S = 1.0
_SLOW_ROWS_PER_S = 0.1


@dataclass(slots=True)
class Pace:
    """Rows and tokens a second since the watching began: what was done before it doesn't count."""

    started_s: float = field(default_factory=time.monotonic)
    first: tuple[int, int] | None = None

    def measure(self, rows: int, tokens: int, now_s: float) -> tuple[float, float]:
        """Rows/s and tokens/s."""
        if self.first is None:
            self.first, self.started_s = (rows, tokens), now_s
        elapsed_s = now_s - self.started_s
        if elapsed_s < _MIN_ELAPSED_S:
            return 0.0, 0.0
        return (rows - self.first[0]) / elapsed_s, (tokens - self.first[1]) / elapsed_s


class _PaceColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        rows_per_s, tokens_per_s = task.fields["rows_per_s"], task.fields["tokens_per_s"]
        if not rows_per_s and not tokens_per_s:
            return Text("")
        return Text(f"{pace_of_rows(rows_per_s)} {tokens_per_s:,.0f} tokens/s".lstrip(), style="cyan")


def pace_of_rows(rows_per_s: float) -> str:
    """`2.4 rows/s`; of long documents `25 s/row`; empty before the first is done."""
    if not rows_per_s:
        return ""
    return f"{rows_per_s:.1f} rows/s" if rows_per_s >= _SLOW_ROWS_PER_S else f"{1 / rows_per_s:,.0f} s/row"


class _TimeLeftColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        rows_per_s, rows_left = task.fields["rows_per_s"], (task.total or 0) - task.completed
        if not rows_per_s or not rows_left:
            return Text("")
        minutes, seconds = divmod(round(rows_left / rows_per_s), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left")


class JobBar:
    """One job's bar, fed with what the ledger says."""

    def __init__(self, progress: Progress, title: str, rows: int) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=rows, rows_per_s=0.0, tokens_per_s=0.0)
        self._pace = Pace()

    def show(self, job: JobProgress) -> None:
        tokens = job.counts.prompt_tokens + job.counts.output_tokens
        rows_per_s, tokens_per_s = self._pace.measure(job.counts.rows, tokens, time.monotonic())
        self._progress.update(
            self._task,
            completed=job.counts.rows,
            rows_per_s=rows_per_s,
            tokens_per_s=tokens_per_s,
        )


@contextmanager
def job_bar(console: Console, title: str, rows: int) -> Iterator[JobBar]:
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} rows"),
        _PaceColumn(),
        _TimeLeftColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield JobBar(progress, title, rows)


class Doing:
    """What is being done, with the seconds that have passed: anew each time that it is shown."""

    def __init__(self, what: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock_s = clock_s
        self._started_s = clock_s()

    def __rich__(self) -> Text:
        return Text(f"{self._what}, {self._clock_s() - self._started_s:.0f} s")


@contextmanager
def doing(console: Console, what: str) -> Iterator[None]:
    """Say what is being done: with a spinner and seconds on a terminal, in a line of a log or a pipe."""
    if console.is_terminal:
        with console.status(Doing(what)):
            yield
    else:
        console.print(Text(what), soft_wrap=True)
        yield
