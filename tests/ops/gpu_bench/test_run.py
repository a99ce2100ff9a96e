"""The run: who has a turn when, with how much of the work, and what becomes of those that fail."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ops.benchmark.gpu.results import Findings, Measured
from ops.benchmark.gpu.run import Limits, Run
from ops.benchmark.gpu.shapes import QWEN, TINY
from ops.benchmark.gpu.systems import MODULES, Case, Place
from ops.benchmark.gpu.works import OURS, Unit, equal, works
from ops.benchmark.peers.protocol import Answer, Turn
from ops.benchmark.process import SystemFailed
from ops.benchmark.results import BASELINE, REFERENCE

WORK = replace(
    works(tiny=True)["c"], turn=partial(equal, "c", 40, 100, 32)
)  # 40 documents of 100 tokens, 32 out
CASE = Case(WORK, TINY[QWEN], Path("no folder"))
SYSTEMS = (OURS, BASELINE, REFERENCE)


@dataclass
class Machine:
    """A clock, and systems that take as long as they are told to, a token."""

    seconds_a_token: dict[str, float]
    now_s: float = 0.0
    started: list[str] = field(default_factory=list)
    turns: int = 0
    ended: int = 0

    def clock(self) -> float:
        return self.now_s

    def start(self, module: str, settings: dict[str, Any], log: Path, load_timeout_s: float) -> "FakeProcess":
        (name,) = [name for name in SYSTEMS if MODULES[name] == module]
        self.started.append(name)
        if name not in self.seconds_a_token:
            raise SystemFailed("it would not start")
        log.touch()
        return FakeProcess(self, self.seconds_a_token[name])


@dataclass
class FakeProcess:
    machine: Machine
    seconds_a_token: float
    versions: dict[str, str] = field(default_factory=dict)

    def run(self, turn: Turn, timeout_s: float) -> Answer:
        tokens = [item.max_tokens for item in turn.items]
        seconds = sum(tokens) * self.seconds_a_token
        self.machine.now_s += seconds
        self.machine.turns += 1
        return Answer(seconds, tokens)

    def end(self) -> None:
        self.machine.ended += 1


class Heard:
    """Notes what a run tells."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def doing(self, what: str) -> None: ...

    def measured(self, turn: Measured, unit: Unit) -> None: ...

    def skipped(self, what: str) -> None:
        self.words.append(what)


Measure = Callable[..., Findings]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def measure(tmp_path: Path, heard: Heard) -> Measure:
    def run(
        machine: Machine, rounds: int = 3, ends_at_s: float = 1e9, seconds_per_turn: float = 1e9
    ) -> Findings:
        findings = Findings("a command")
        limits = Limits(ends_at_s, seconds_per_turn, machine.clock)
        Run(Place("cpu", True), findings, limits, heard, tmp_path, machine.start).case(CASE, SYSTEMS, rounds)
        return findings

    return run


def test_each_turn_has_a_process_of_its_own_that_ends_and_another_system_is_first_in_each_round(
    measure: Measure, tmp_path: Path
) -> None:
    machine = Machine(dict.fromkeys(SYSTEMS, 0.01))
    findings = measure(machine)
    assert machine.started == [*SYSTEMS, *SYSTEMS[1:], OURS, REFERENCE, OURS, BASELINE]
    assert machine.ended == 9
    assert machine.turns == 9 * 2 + 2  # a warm-up each, and once for each peer a probe
    assert [turn.round for turn in findings.turns] == [0] * 3 + [1] * 3 + [2] * 3
    assert not list(tmp_path.iterdir())


def test_a_peer_that_would_take_too_long_gets_the_same_first_requests_in_every_round(
    measure: Measure,
) -> None:
    # The probe's 2 tokens after 100 cost 2 + 0.05 * 100 = 7: 40 of them 280, which take 80 s, 3.5 a second.
    # That is 350 in 100 s, and a request costs 32 + 5 = 37.
    machine = Machine({OURS: 1.0, BASELINE: 1.0, REFERENCE: 0.001})
    findings = measure(machine, rounds=2, seconds_per_turn=100.0)
    assert {(turn.system, turn.requests) for turn in findings.turns} == {
        (OURS, 40),  # it is what is measured, however long it takes
        (BASELINE, 9),
        (REFERENCE, 40),
    }
    assert {turn.requests_whole for turn in findings.turns} == {40}


def test_a_system_that_fails_is_left_out_with_a_word_and_the_others_go_on(
    measure: Measure, heard: Heard
) -> None:
    findings = measure(Machine({OURS: 0.01, REFERENCE: 0.01}), rounds=2)
    assert [turn.system for turn in findings.turns] == [OURS, REFERENCE, REFERENCE, OURS]
    assert findings.skipped == heard.words == [f"c, tiny-qwen3, {BASELINE}: it would not start"]


def test_no_round_begins_that_the_time_may_not_suffice_for(measure: Measure, heard: Heard) -> None:
    # Warm-up, probe and turn of three systems: some 80 + 3 * 1280 s a round.
    findings = measure(Machine(dict.fromkeys(SYSTEMS, 1.0)), ends_at_s=10_000.0)
    assert {turn.round for turn in findings.turns} == {0, 1}
    assert heard.words == ["rounds 3 to 3, for their time is up"]
    assert not findings.skipped
