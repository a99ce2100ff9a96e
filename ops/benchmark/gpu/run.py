"""The run: a work's rounds, each system in turn in a process of its own, until the time is up."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ops.benchmark.gpu.cache import model_folder
from ops.benchmark.gpu.inside import inside
from ops.benchmark.gpu.results import Ceilings, Findings, Measured
from ops.benchmark.gpu.shapes import Shape
from ops.benchmark.gpu.systems import MODULES, PEERS, Case, Place, settings
from ops.benchmark.gpu.works import Unit, probe, warm_up
from ops.benchmark.peers.protocol import Answer, Turn
from ops.benchmark.process import SystemFailed, SystemProcess
from ops.benchmark.shares import affordable, cost, rotated

# A GPU computes thousands of a prompt's tokens in the time of a step that gives one of output.
PROMPT_TOKEN_COST = 0.05


class Listener(Protocol):
    """Who hears what happens while it happens."""

    def doing(self, what: str) -> None: ...

    def measured(self, turn: Measured, unit: Unit) -> None: ...

    def skipped(self, what: str) -> None: ...


class Process(Protocol):
    """A system's process, as `SystemProcess` is one."""

    versions: dict[str, str]

    def run(self, turn: Turn, timeout_s: float) -> Answer: ...

    def end(self) -> None: ...


Start = Callable[[str, dict[str, Any], Path, float], Process]
"""Of a module with settings, which logs to a file and may take some seconds to load; raises SystemFailed."""


def start_here(module: str, settings: dict[str, Any], log: Path, load_timeout_s: float) -> Process:
    """With the Python that this runs in."""
    return SystemProcess(sys.executable, module, settings, log, load_timeout_s)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a work: when it has to end, by a clock, and how long a peer may take for a turn."""

    ends_at_s: float
    seconds_per_turn: float
    clock: Callable[[], float] = time.monotonic

    @property
    def left_s(self) -> float:
        """Of the work's time; at least a second, so that what is waited for fails in its own words."""
        return max(self.ends_at_s - self.clock(), 1.0)


class Run:
    """Each turn has a process of its own: on a GPU no two systems' memory fits beside each other."""

    def __init__(
        self,
        place: Place,
        findings: Findings,
        limits: Limits,
        listener: Listener,
        logs: Path,
        start: Start = start_here,
    ) -> None:
        self.place = place
        self.findings = findings
        self._limits = limits
        self._listener = listener
        self._logs = logs
        self._start = start

    def ceilings(self) -> None:
        """Measure what the card can do; raises SystemFailed."""
        self._listener.doing("what the card can do")
        asked = {"device": self.place.device, "tiny": self.place.tiny}
        with self._process("ops.benchmark.gpu.ceilings", asked, "ceilings") as process:
            details = process.run(Turn([]), self._limits.left_s).details
        self.findings.ceilings = Ceilings(**details)

    def make_model(self, name: str, shape: Shape) -> Path:
        """The folder of a model, made if it is not there; raises SystemFailed."""
        folder = model_folder(shape)
        if not folder.is_dir():
            self._listener.doing(f"random weights for {shape.name}")
            asked = {"model": name, "device": self.place.device, "tiny": self.place.tiny}
            with self._process("ops.benchmark.gpu.models", asked, shape.name):
                pass
        return folder

    def case(self, case: Case, names: Sequence[str], rounds: int) -> None:
        """Measure a work with one model; a system that fails is left out from there on, with a word."""
        systems, counts, longest_s = list(names), dict[str, int](), 0.0
        for number in range(rounds):
            started_s = self._limits.clock()
            if number and self._limits.left_s < longest_s:
                self._listener.skipped(f"rounds {number + 1} to {rounds}, for their time is up")
                return
            turn = case.work.turn(number, case.shape)
            for name in rotated(systems, number):
                self._listener.doing(f"{case}, round {number + 1} of {rounds}: {name}")
                try:
                    self._turn(name, case, number, turn, counts)
                except SystemFailed as error:
                    systems.remove(name)
                    self.skip(f"{case}, {name}: {error}")
            longest_s = max(longest_s, self._limits.clock() - started_s)

    def _turn(self, name: str, case: Case, number: int, whole: Turn, counts: dict[str, int]) -> None:
        ceilings = self.findings.ceilings
        memory_bytes = None if ceilings is None else ceilings.card["memory_bytes"]
        asked = settings(name, case, whole, self.place, memory_bytes)
        with self._process(MODULES[name], asked, f"{case.work.name}-{case.shape.name}-{name}") as process:
            process.run(warm_up(case.work, case.shape), self._limits.left_s)
            if name not in counts:  # the same in every round, as rounds are compared
                counts[name] = self._affordable(process, name, case, whole)
            turn = Turn(whole.items[: counts[name]], whole.labelling)
            answer = process.run(turn, self._limits.left_s)
        measured = Measured(
            work=case.work.name,
            model=case.shape.name,
            round=number,
            system=name,
            requests=len(turn.items),
            requests_whole=len(whole.items),
            seconds=answer.seconds,
            rate=case.work.rate(turn, answer),
            inside=inside(name, turn, answer, case.shape, self.place.number_bytes, ceilings),
        )
        self.findings.turns.append(measured)
        self._listener.measured(measured, case.work.unit)

    def _affordable(self, process: Process, name: str, case: Case, turn: Turn) -> int:
        """How many of the first requests a peer can do in its time, to judge by a small part of the work."""
        if name not in PEERS:
            return len(turn.items)
        tried = probe(case.work, case.shape)
        answer = process.run(tried, self._limits.left_s)
        rate = cost(tried, PROMPT_TOKEN_COST) / answer.seconds
        return affordable(turn, rate * self._limits.seconds_per_turn, PROMPT_TOKEN_COST)

    @contextmanager
    def _process(self, module: str, asked: dict[str, Any], name: str) -> Iterator[Process]:
        """A process that ends with the block; its log is kept if it has failed, and its message names it."""
        log = self._logs / f"{name}.log"
        process = self._start(module, asked, log, self._limits.left_s)
        try:
            self.findings.versions |= process.versions
            yield process
        finally:
            process.end()
        log.unlink()

    def skip(self, what: str) -> None:
        """Note what was not measured, and why."""
        self.findings.skipped.append(what)
        self._listener.skipped(what)
