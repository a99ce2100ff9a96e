"""The pipe between worker and engine: nobody waits for ever, whoever dies, and no process is left behind."""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from engine import Embedding, EngineConfig, ModelError, Request, RequestTooLong
from tests.worker import stub_engine
from worker.engine_messages import Result
from worker.engine_process import EngineDied, EngineLostDevice, EngineProcess, EngineUnavailable

pytestmark = pytest.mark.integration

HOLD_AN_ENGINE = """
import time
from engine import EngineConfig
from tests.worker import stub_engine
from worker.engine_process import EngineProcess
print(EngineProcess(EngineConfig(model="stub"), stub_engine.main).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess(EngineConfig(model="stub"), stub_engine.main)
    yield process
    process.close()


@pytest.fixture
def engine_of(tmp_path: Path) -> Iterator[Callable[..., EngineProcess]]:
    """Makes engines whose folder is the test's."""
    with ExitStack() as stack:

        def make(max_model_len: int | None = None, stall_limit_s: float = 300.0) -> EngineProcess:
            config = EngineConfig(model=str(tmp_path), max_model_len=max_model_len)
            engine = EngineProcess(config, stub_engine.main, stall_limit_s)
            stack.callback(engine.close)
            return engine

        yield make


def _until(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def _running(engine: EngineProcess) -> float:
    answer = engine.submit(Request(prompt="running")).result(timeout=10)
    assert isinstance(answer, Embedding)
    return answer.embedding[0]


def _kill(engine: EngineProcess) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)


def test_an_engine_whose_worker_is_killed_ends_within_a_second() -> None:
    command = [sys.executable, "-c", HOLD_AN_ENGINE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        child = psutil.Process(int(worker.stdout.readline()))
        worker.kill()
        worker.wait()
        assert _until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 1.0)


def test_a_request_cancelled_here_is_cancelled_there(engine: EngineProcess) -> None:
    hanging = [engine.submit(Request(prompt="hang")) for _ in range(3)]
    assert _running(engine) == 3
    assert hanging[1].cancel()
    assert _running(engine) == 2


def test_a_refused_request_is_told_as_the_engine_tells_it(engine: EngineProcess) -> None:
    with pytest.raises(RequestTooLong, match="too long for this stub"):
        engine.submit(Request(prompt="too long")).result(timeout=10)


def test_full_pipes_in_both_directions_do_not_stop_either_process(engine: EngineProcess) -> None:
    texts = ["short", "short", "too long" + "!" * 1_000_000, "too long" + "!" * 1_000_000] * 10
    futures: list[Future[Result]] = []

    def flood() -> None:
        futures.extend(engine.submit(Request(prompt=text)) for text in texts)

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    done, waiting = wait(futures, timeout=30)
    assert not waiting
    assert sum(future.exception() is None for future in done) == len(done) / 2 == 4 * 20


def test_a_death_fails_all_that_ran_within_a_second_and_the_next_request_is_answered(
    engine: EngineProcess,
) -> None:
    hanging = [engine.submit(Request(prompt="hang")) for _ in range(10)]
    assert _running(engine) == 10
    first = engine.pid
    _kill(engine)
    done, waiting = wait(hanging, timeout=1.0)
    assert not waiting
    assert {type(future.exception()) for future in done} == {EngineDied}
    assert _running(engine) == 0
    assert engine.pid != first


def test_requests_that_are_handed_in_while_the_engine_dies_end_as_died_or_answered(
    engine: EngineProcess,
) -> None:
    raised: list[Exception] = []
    futures = [engine.submit(Request(prompt="hang"))]
    assert _running(engine) == 1, "one at least dies"
    dying = threading.Event()

    def hand_in() -> None:
        try:
            while not dying.is_set() or len(futures) < 500:
                futures.append(engine.submit(Request(prompt="hang")))
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=hand_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    _until(lambda: len(futures) > 100, 10)
    _kill(engine)
    dying.set()
    for thread in threads:
        thread.join(timeout=30)
    assert raised == []
    running = _running(engine)  # in the new engine, when all that died has been told
    waiting = sum(not future.done() for future in futures)
    assert running == waiting
    assert waiting < len(futures)
    assert {type(future.exception()) for future in futures if future.done()} == {EngineDied}


def test_closing_fails_what_runs_and_what_comes_later_at_once(engine: EngineProcess) -> None:
    hanging = engine.submit(Request(prompt="hang"))
    engine.close()
    with pytest.raises(EngineUnavailable):
        hanging.result(timeout=1)
    asked_s = time.monotonic()
    with pytest.raises(EngineUnavailable, match="closed"):
        engine.submit(Request(prompt="hang"))
    assert time.monotonic() - asked_s < 1.0


def test_an_engine_that_is_being_restarted_when_the_worker_ends_is_not_left_behind() -> None:
    before = {process.pid for process in multiprocessing.active_children()}
    engine = EngineProcess(EngineConfig(model="stub", max_model_len=300), stub_engine.main)
    before.add(engine.pid)

    def restarted() -> set[int | None]:
        return {process.pid for process in multiprocessing.active_children()} - before

    _kill(engine)
    assert _until(lambda: bool(restarted()), 5)
    engine.close()
    assert _until(lambda: not restarted(), 2)


def test_while_another_engine_loads_requests_are_taken_at_once_and_answered_by_it(
    engine_of: Callable[..., EngineProcess],
) -> None:
    engine = engine_of(max_model_len=1000)
    hanging = engine.submit(Request(prompt="hang"))
    assert _running(engine) == 1.0, "or the next engine would get it"
    _kill(engine)
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
    assert _running(engine) == 1.0, "or the next engine would get it"
    (tmp_path / "weights gone").touch()
    _kill(engine)
    with pytest.raises(EngineDied):
        hanging.result(timeout=5)
    with pytest.raises(EngineUnavailable, match="the weights are gone"):
        engine.submit(Request(prompt="running")).result(timeout=10)
    (tmp_path / "weights gone").unlink()

    def runs() -> bool:
        try:
            return _running(engine) == 0
        except EngineUnavailable:
            return False

    assert _until(runs, 10), "it is tried until it starts"


def test_a_lost_device_is_told_as_such_and_a_fresh_process_takes_over(
    engine_of: Callable[..., EngineProcess],
) -> None:
    engine = engine_of()
    hanging = engine.submit(Request(prompt="hang"))
    assert _running(engine) == 1.0
    first = engine.pid
    lost = engine.submit(Request(prompt="lose"))
    for future in (hanging, lost):
        with pytest.raises(EngineLostDevice, match="illegal memory access"):
            future.result(timeout=5)
    assert _until(lambda: engine.life.num_restarts == 1, 10)
    assert engine.life.last_end is not None
    assert (engine.life.last_end.reason, engine.life.outage) == ("device_lost", None)
    assert _running(engine) == 0
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
    assert _until(lambda: "weights are gone" in str(engine.life.outage), 10)
    (tmp_path / "weights gone").unlink()
    assert _until(lambda: engine.life.outage is None, 10)
    assert _running(engine) == 0


def test_an_engine_that_comes_up_as_another_model_is_not_taken(
    engine_of: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    """As with `device=auto`, when the GPU isn't seen any more."""
    engine = engine_of()
    (tmp_path / "on another device").touch()
    _kill(engine)
    assert _until(lambda: "came up as other, and jobs were promised stub" in str(engine.life.outage), 10)
    (tmp_path / "on another device").unlink()
    assert _until(lambda: engine.life.outage is None, 10)
    assert (engine.life.num_restarts, _running(engine)) == (1, 0)


def test_an_engine_whose_process_does_not_end_is_an_outage_and_keeps_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.engine_process._END_LIMIT_S", 0.3)
    engine = EngineProcess(EngineConfig(model="stub"), stub_engine.main_that_lingers)
    lingering = engine.pid
    with pytest.raises(EngineDied):
        engine.submit(Request(prompt="hang")).result(timeout=5)
    assert _until(lambda: "doesn't end" in str(engine.life.outage), 10)
    assert engine.life.last_end is not None
    assert engine.life.last_end.reason == "no end"
    with pytest.raises(EngineUnavailable, match="doesn't end"):
        engine.submit(Request(prompt="running"))
    assert lingering is not None
    os.kill(lingering, signal.SIGKILL)
    assert _until(lambda: engine.life.outage is None, 20)
    engine.close()


def test_what_the_engine_logs_is_in_the_workers_log(
    engine_of: Callable[..., EngineProcess], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine = engine_of()
    assert isinstance(engine.submit(Request(prompt="log")).result(timeout=10), Embedding)
    assert _until(lambda: len([each for each in caplog.records if each.name == "engine.stub"]) == 2, 5)
    while_loading, later = [each for each in caplog.records if each.name == "engine.stub"]
    assert (while_loading.levelname, while_loading.message) == ("INFO", "half of the weights are loaded")
    assert later.levelname == "ERROR"
    assert "ZeroDivisionError" in later.message


@pytest.mark.parametrize(
    ("end", "reason"), [("die", "exit code 9"), ("SIGKILL", "signal 9"), ("hang", "stuck")]
)
def test_how_an_engine_ended_is_told_in_a_word_or_two(
    engine_of: Callable[..., EngineProcess], end: str, reason: str
) -> None:
    engine = engine_of(stall_limit_s=1.0)
    if end == "SIGKILL":
        _kill(engine)
    else:
        engine.submit(Request(prompt=end))
    assert _until(lambda: engine.life.num_restarts == 1, 20)
    assert engine.life.last_end is not None
    assert engine.life.last_end.reason == reason


@pytest.mark.parametrize("is_stopped", [False, True])
def test_an_engine_that_is_stuck_is_killed_and_its_successor_answers(
    engine_of: Callable[..., EngineProcess], is_stopped: bool
) -> None:
    engine = engine_of(stall_limit_s=1.0)
    assert _running(engine) == 0
    asked_s = time.monotonic()
    hanging = engine.submit(Request(prompt="hang"))
    first = engine.pid
    if is_stopped:  # not even its thread that tells of steps can run
        assert first is not None
        os.kill(first, signal.SIGSTOP)
    with pytest.raises(EngineDied):
        hanging.result(timeout=20)
    assert time.monotonic() - asked_s > 1.0, "it had its time"
    assert _running(engine) == 0
    assert engine.pid != first


@pytest.mark.parametrize("work", ["steps 2.5", "step 0.5"])
def test_a_slow_engine_is_left_alone(engine_of: Callable[..., EngineProcess], work: str) -> None:
    engine = engine_of(stall_limit_s=1.0)
    first = engine.pid
    assert isinstance(engine.submit(Request(prompt=work)).result(timeout=20), Embedding)
    assert engine.pid == first


@pytest.mark.parametrize(
    ("model", "message"), [("broken", "no such weights"), ("crashing", "ended with code 7 while loading")]
)
def test_a_model_that_does_not_load_is_an_error_with_its_reason(model: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        EngineProcess(EngineConfig(model=model), stub_engine.main)
