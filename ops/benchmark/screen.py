"""What is shown while a run goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ops.benchmark.results import Measured


class Screen:
    """A line of what is being done, and above it a line for each turn that has ended."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def doing(self, what: str) -> None:
        self._progress.reset(self._task, description=what)

    def measured(self, turn: Measured) -> None:
        unit = "rows/s" if turn.labels else "tokens/s"
        self._progress.console.print(
            f"{turn.work} · round {turn.round + 1} · {turn.system:<24} {turn.rate:8.1f} {unit}  "
            f"{turn.answer.seconds:6.1f} s"
        )

    def skipped(self, what: str) -> None:
        self._progress.console.print(f"skipped: {what}", style="yellow", markup=False, soft_wrap=True)


@contextmanager
def screen(console: Console) -> Iterator[Screen]:
    """A screen that is cleared at its end."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Screen(progress, progress.add_task("starting", total=None))
