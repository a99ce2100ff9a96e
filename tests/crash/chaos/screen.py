"""What is shown while a run goes on: a line that moves in a terminal, and a line for every fault."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from tests.crash.chaos.plan import Event


class Screen:
    """Safe to use from several threads."""

    def __init__(self, console: Console, progress: Progress, task: TaskID) -> None:
        self._console = console
        self._progress = progress
        self._task = task
        self._phase = ""
        self._began_s = time.monotonic()

    def doing(self, phase: str) -> None:
        """A new phase; its time is counted from now."""
        self._phase, self._began_s = phase, time.monotonic()
        self._progress.reset(self._task, description=phase)
        if not self._console.is_terminal:
            self._console.print(phase, highlight=False, soft_wrap=True)

    def struck(self, event: Event, whom: str, num_faults: int, num_jobs: int) -> None:
        """A fault is over, the last of so many; so many jobs were submitted."""
        minutes, seconds = divmod(int(time.monotonic() - self._began_s), 60)
        lasted = f" for {event.lasts_s:.1f} s" if event.lasts_s else ""
        line = f"{minutes:02}:{seconds:02}  {event.fault}{lasted}: {whom}"
        self._console.print(line, highlight=False, soft_wrap=True)
        told = f"{self._phase} · {num_faults} faults, {num_jobs} jobs"
        self._progress.update(self._task, description=told)


@contextmanager
def screen(console: Console) -> Iterator[Screen]:
    """A screen whose moving line is gone at its end."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown as progress:
        yield Screen(console, progress, progress.add_task("starting", total=None))
