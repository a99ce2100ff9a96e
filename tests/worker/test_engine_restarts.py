"""An engine that ends is followed by another one, and nobody waits for one that does not come."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest

from engine import Embedding, EngineConfig, Request
from tests.worker import stub_engine
from tests.worker.engine_handling import kill, num_running, until
from worker.engine_process import EngineDied, EngineLostDevice, EngineProcess, EngineUnavailable

pytestmark = pytest.mark.integration


def test_while_another_engine_loads_requests_are_taken_at_once_and_answered_by_it(
    engine_of: Callable[..., EngineProcess],
) -> None:
    engine = engine_of(max_model_len=1000)
    hanging = engine.submit(Request(prompt="hang"))
    assert num_running(engine) == 1.0, "or the next engine would get it"
    kill(engine)
    with pytest.raises(EngineDied):
        hanging.result(timeout=5)
    asked_s = time.monotonic()
    waiting = [engine.submit(Request(prompt="running")) for _ in range(20)]
    assert time.monotonic() - asked_s < 0.5
    assert not any(future.done() for future in waiting)
    assert waiting.pop().cancel()
    done, _ = wait(waiting, timeout=20)
    assert {future.exception() for future in done} == {None}
    assert len(done) == 19


def test_requests_that_wait_for_an_engine_that_does_not_start_are_no_ones_victims(
    engine_of: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    engine = engine_of(max_model_len=300)
    hanging = engine.submit(Request(prompt="hang"))
    assert num_running(engine) == 1.0, "or the next engine would get it"
    (tmp_path / "weights gone").touch()
    kill(engine)
    with pytest.raises(EngineDied):
        hanging.result(timeout=5)
    with pytest.raises(EngineUnavailable, match="the weights are gone"):
        engine.submit(Request(prompt="running")).result(timeout=10)
    (tmp_path / "weights gone").unlink()

    def runs() -> bool:
        try:
            return num_running(engine) == 0
        except EngineUnavailable:
            return False

    assert until(runs, 10), "it is tried until it starts"


def test_a_lost_device_is_told_as_such_and_a_fresh_process_takes_over(
    engine_of: Callable[..., EngineProcess],
) -> None:
    engine = engine_of()
    hanging = engine.submit(Request(prompt="hang"))
    assert num_running(engine) == 1.0
    first = engine.pid
    lost = engine.submit(Request(prompt="lose"))
    for future in (hanging, lost):
        with pytest.raises(EngineLostDevice, match="illegal memory access"):
            future.result(timeout=5)
    assert until(lambda: engine.life.num_restarts == 1, 10)
    assert engine.life.last_end is not None
    assert (engine.life.last_end.reason, engine.life.outage) == ("device_lost", None)
    assert num_running(engine) == 0
    assert engine.pid != first


def test_while_no_engine_can_be_had_on_a_lost_device_requests_fail_at_once_and_are_no_ones_victims(
    engine_of: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    engine = engine_of()
    (tmp_path / "weights gone").touch()
    with pytest.raises(EngineLostDevice):
        engine.submit(Request(prompt="lose")).result(timeout=5)
    for _ in range(3):
        with pytest.raises(EngineUnavailable, match=r"device was lost|weights are gone"):
            engine.submit(Request(prompt="running"))
    assert until(lambda: "weights are gone" in str(engine.life.outage), 10)
    (tmp_path / "weights gone").unlink()
    assert until(lambda: engine.life.outage is None, 10)
    assert num_running(engine) == 0


def test_an_engine_that_comes_up_as_another_model_is_not_taken(
    engine_of: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    """As with `device=auto`, when the GPU isn't seen any more."""
    engine = engine_of()
    (tmp_path / "on another device").touch()
    kill(engine)
    assert until(lambda: "came up as other, and jobs were promised stub" in str(engine.life.outage), 10)
    (tmp_path / "on another device").unlink()
    assert until(lambda: engine.life.outage is None, 10)
    assert (engine.life.num_restarts, num_running(engine)) == (1, 0)


def test_an_engine_whose_process_does_not_end_is_an_outage_and_keeps_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.engine_process._END_LIMIT_S", 0.3)
    engine = EngineProcess(EngineConfig(model="stub"), stub_engine.main_that_lingers)
    lingering = engine.pid
    with pytest.raises(EngineDied):
        engine.submit(Request(prompt="hang")).result(timeout=5)
    assert until(lambda: "doesn't end" in str(engine.life.outage), 10)
    assert engine.life.last_end is not None
    assert engine.life.last_end.reason == "no end"
    with pytest.raises(EngineUnavailable, match="doesn't end"):
        engine.submit(Request(prompt="running"))
    assert lingering is not None
    os.kill(lingering, signal.SIGKILL)
    assert until(lambda: engine.life.outage is None, 20)
    engine.close()


@pytest.mark.parametrize(
    ("end", "reason"), [("die", "exit code 9"), ("SIGKILL", "signal 9"), ("hang", "stuck")]
)
def test_how_an_engine_ended_is_told_in_a_word_or_two(
    engine_of: Callable[..., EngineProcess], end: str, reason: str
) -> None:
    engine = engine_of(stall_limit_s=1.0)
    if end == "SIGKILL":
        kill(engine)
    else:
        engine.submit(Request(prompt=end))
    assert until(lambda: engine.life.num_restarts == 1, 20)
    assert engine.life.last_end is not None
    assert engine.life.last_end.reason == reason


@pytest.mark.parametrize("is_stopped", [False, True])
def test_an_engine_that_is_stuck_is_killed_and_its_successor_answers(
    engine_of: Callable[..., EngineProcess], is_stopped: bool
) -> None:
    engine = engine_of(stall_limit_s=1.0)
    assert num_running(engine) == 0
    asked_s = time.monotonic()
    hanging = engine.submit(Request(prompt="hang"))
    first = engine.pid
    if is_stopped:  # not even its thread that tells of steps can run
        assert first is not None
        os.kill(first, signal.SIGSTOP)
    with pytest.raises(EngineDied):
        hanging.result(timeout=20)
    assert time.monotonic() - asked_s > 1.0, "it had its time"
    assert num_running(engine) == 0
    assert engine.pid != first


@pytest.mark.parametrize("work", ["steps 2.5", "step 0.5"])
def test_a_slow_engine_is_left_alone(engine_of: Callable[..., EngineProcess], work: str) -> None:
    engine = engine_of(stall_limit_s=1.0)
    first = engine.pid
    assert isinstance(engine.submit(Request(prompt=work)).result(timeout=20), Embedding)
    assert engine.pid == first
