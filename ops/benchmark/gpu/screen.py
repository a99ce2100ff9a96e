"""What is shown while a run goes on: a line for what begins, and one for each turn that has ended."""

import sys
import time

from ops.benchmark.gpu.results import Measured
from ops.benchmark.gpu.works import Unit


class Screen:
    """Writes to stderr, so that stdout has the tables alone."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()

    def doing(self, what: str) -> None:
        self._say(f"... {what}")

    def measured(self, turn: Measured, unit: Unit) -> None:
        self._say(f"    {turn.rate:,.1f} {unit.value}, {turn.seconds:.1f} s")

    def skipped(self, what: str) -> None:
        self._say(f"skipped: {what}")

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._started_s:6.1f} s  {what}", file=sys.stderr, flush=True)
