"""The run: for each work, for each round, each system in turn, the order moved on by one a round."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

from ops.benchmark.peers.protocol import Turn
from ops.benchmark.process import SystemFailed, SystemProcess
from ops.benchmark.results import Measured
from ops.benchmark.shares import affordable, cost, rotated
from ops.benchmark.systems import System
from ops.benchmark.texts import DataMissing
from ops.benchmark.works import Task, Work, warm_up


class Listener(Protocol):
    """Who hears what happens while it happens."""

    def doing(self, what: str) -> None: ...

    def measured(self, turn: Measured) -> None: ...

    def skipped(self, what: str) -> None: ...


@dataclass(slots=True)
class Outcome:
    """Everything that a run has found out."""

    turns: list[Measured] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    # By work and kind of layers; what `peers/linear_layers.py` answers.
    ceilings: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Started:
    process: SystemProcess
    settings: dict[str, Any]


class Fleet:
    """The systems' processes: each started when needed, and anew for a work with other settings."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: dict[str, _Started] = {}

    def process(self, system: System, work: Work, warm: Turn | None) -> SystemProcess:
        """The system's process, loaded, and warm where there is a turn for that; raises SystemFailed."""
        settings = system.settings(work)
        running = self._started.get(system.name)
        if running is not None and running.settings == settings:
            return running.process
        self.end(system.name)
        if system.missing:
            raise SystemFailed(system.missing)
        assert system.python is not None
        module = f"ops.benchmark.peers.{system.module}"
        process = SystemProcess(system.python, module, settings, self._log(system.name))
        self._started[system.name] = _Started(process, settings)
        if warm is not None:
            process.run(warm)
        return process

    def end(self, name: str) -> None:
        """End one system's process, if it has one, and remove its log."""
        if name in self._started:
            self.fail(name)
            self._log(name).unlink()

    def fail(self, name: str) -> None:
        """End one system's process, if it has one, and keep its log."""
        if (running := self._started.pop(name, None)) is not None:
            running.process.end()

    def end_all(self) -> None:
        """End every process."""
        for name in list(self._started):
            self.end(name)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


@contextmanager
def fleet() -> Iterator[Fleet]:
    """Processes that end with the block, however it ends: an error, Ctrl-C or SIGTERM.

    Of their logs, those of systems that have failed stay, which the failure's message names.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    logs = Path(mkdtemp(prefix="bydawn-bench-"))
    started = Fleet(logs)
    try:
        yield started
    finally:
        started.end_all()
        signal.signal(signal.SIGTERM, before)
        if not any(logs.iterdir()):
            logs.rmdir()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class Run:
    """Takes the systems through the works; one that fails is left out from there on, with a word."""

    def __init__(
        self,
        systems: Sequence[System],
        ceilings: Sequence[System],
        seconds_per_turn: float,
        listener: Listener,
    ) -> None:
        self.outcome = Outcome()
        self._systems = list(systems)
        self._ceilings = ceilings
        self._seconds_per_turn = seconds_per_turn
        self._listener = listener
        self._costs_a_second: dict[str, float] = {}

    def works(self, works: Sequence[Work], rounds: int) -> Outcome:
        """Measure all of it, or skip what lacks its data."""
        with fleet() as processes:
            for work in works:
                try:
                    tasks = [work.task(number) for number in range(rounds)]
                except DataMissing as error:
                    self._skip(f"work {work.letter}: {error}")
                    continue
                self._work(processes, work, tasks)
        return self.outcome

    def _work(self, processes: Fleet, work: Work, tasks: Sequence[Task]) -> None:
        counts: dict[str, int] = {}
        for system in self._systems:
            if not system.runs(work):
                processes.end(system.name)  # its memory is needed by those that do
        for number, task in enumerate(tasks):
            for system in rotated([s for s in self._systems if s.runs(work)], number):
                self._listener.doing(f"work {work.letter}, round {number + 1} of {len(tasks)}: {system.name}")
                # The same number in every round, as rounds are compared.
                count = counts.setdefault(system.name, self._affordable(system, task.turn))
                self._turn(processes, work, number, system, task, count)
        self._measure_ceilings(processes, work)

    def _measure_ceilings(self, processes: Fleet, work: Work) -> None:
        for layers in self._ceilings:
            self._listener.doing(f"work {work.letter}: the linear layers alone, {layers.name}")
            try:
                answer = processes.process(layers, work, None).run(Turn([]))
            except SystemFailed as error:
                processes.fail(layers.name)
                self._skip(f"linear layers alone, {layers.name}: {error}")
            else:
                self.outcome.ceilings.setdefault(work.letter, {})[layers.name] = answer.details

    def _affordable(self, system: System, turn: Turn) -> int:
        """How many of the first requests the system can do in its time, to judge by its last work."""
        rate = self._costs_a_second.get(system.name)
        return len(turn.items) if rate is None else affordable(turn, rate * self._seconds_per_turn)

    def _turn(
        self, processes: Fleet, work: Work, number: int, system: System, task: Task, count: int
    ) -> None:
        turn = Turn(task.turn.items[:count], task.turn.labelling)
        try:
            process = processes.process(system, work, warm_up(task))
            answer = process.run(turn)
        except SystemFailed as error:
            processes.fail(system.name)
            self._systems.remove(system)
            self._skip(str(error) if system.missing else f"{system.name}: {error}")
            return
        self.outcome.versions[system.name] = process.versions
        self._costs_a_second[system.name] = cost(turn) / answer.seconds
        measured = Measured(
            work.letter, number, system.name, count, len(task.turn.items), answer, task.labels[:count]
        )
        self.outcome.turns.append(measured)
        self._listener.measured(measured)

    def _skip(self, what: str) -> None:
        self.outcome.skipped.append(what)
        self._listener.skipped(what)
