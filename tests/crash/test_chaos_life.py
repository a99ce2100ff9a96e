"""What a chaos run does to a worker's process, and which ends of one it takes for a defect."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.bench import StubWorker
from tests.crash.chaos.life import READY, EngineKills, Life

Start = Callable[..., Life]

SAYS_SO = "echo began"  # when its traps are set: a signal may come at once
RUNS = f"{SAYS_SO}; while :; do sleep 0.02; done"
OBEYS = f"trap 'exit 0' TERM; {RUNS}"
DISOBEYS = RUNS


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a shell's script as if it were a worker, which is ready if its log says so."""
    with ExitStack() as stack:

        def started(script: str, *, is_ready: bool) -> Life:
            log = tmp_path / "worker-1.log"
            log.write_bytes(b"of a life before" + READY)
            before_bytes = log.stat().st_size
            with log.open("ab") as output:
                output.write(READY if is_ready else b"loading")
            process = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.enter_context(process.stdout)
            process.stdout.readline()
            life = Life(StubWorker(process, log, tmp_path / "answers"), before_bytes)
            assert life.is_ready == (is_ready and life.is_running)
            return life

        yield started


def test_an_end_by_our_own_hand_is_no_defect(start: Start) -> None:
    killed = start(DISOBEYS, is_ready=True)
    killed.kill()
    assert killed.complaint(killed.wait(10)) is None
    stopped = start(OBEYS, is_ready=True)
    stopped.stop()
    assert stopped.complaint(stopped.wait(10)) is None


def test_a_worker_that_is_told_to_stop_and_dies_of_it_is_a_defect(start: Start) -> None:
    life = start(DISOBEYS, is_ready=True)
    life.stop()
    complaint = life.complaint(life.wait(10))
    assert complaint is not None
    assert "ended with -15" in complaint


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_worker_that_ends_by_itself_is_a_defect(start: Start, code: int) -> None:
    life = start("read never", is_ready=True)
    assert life.complaint(code) is not None


def test_a_worker_that_could_not_start_is_none_but_one_that_broke_is(start: Start) -> None:
    life = start(f"{SAYS_SO}; exit 2", is_ready=False)
    assert life.complaint(life.wait(10)) is None
    broke = start(f"{SAYS_SO}; exit 1", is_ready=False)
    assert broke.complaint(broke.wait(10)) is not None


def test_the_shared_engine_is_killed_first_and_then_one_more_and_never_a_third() -> None:
    kills = EngineKills(["shared"])
    assert kills.choose(["shared", "quarantine"]) == "shared"
    assert kills.choose([]) is None, "another one is being started"
    assert kills.choose(["quarantine", "shared 2"]) == "shared 2"
    assert kills.choose(["quarantine", "shared 3"]) is None


def test_the_quarantine_of_one_worker_is_killed_once_at_most() -> None:
    kills = EngineKills(["shared"])
    assert kills.choose(["shared"]) == "shared"
    assert kills.choose(["shared 2", "quarantine"]) == "quarantine"
    assert kills.choose(["shared 2", "quarantine 2"]) is None
