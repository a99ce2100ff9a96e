"""The pipe between worker and engine: nobody waits for ever, whoever dies, and no process is left behind."""

import logging
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

import psutil
import pytest

from engine import Embedding, EngineConfig, ModelError, Request, RequestTooLong
from tests.worker import stub_engine
from tests.worker.engine_handling import kill, num_running, until
from worker.engine_messages import Result
from worker.engine_process import EngineDied, EngineProcess, EngineUnavailable

pytestmark = pytest.mark.integration

HOLD_AN_ENGINE = """
import time
from engine import EngineConfig
from tests.worker import stub_engine
from worker.engine_process import EngineProcess
print(EngineProcess(EngineConfig(model="stub"), stub_engine.main).pid, flush=True)
time.sleep(60)
"""


def test_an_engine_whose_worker_is_killed_ends_within_a_second() -> None:
    command = [sys.executable, "-c", HOLD_AN_ENGINE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        child = psutil.Process(int(worker.stdout.readline()))
        worker.kill()
        worker.wait()
        assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 1.0)


def test_a_request_cancelled_here_is_cancelled_there(engine: EngineProcess) -> None:
    hanging = [engine.submit(Request(prompt="hang")) for _ in range(3)]
    assert num_running(engine) == 3
    assert hanging[1].cancel()
    assert num_running(engine) == 2


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
    assert num_running(engine) == 10
    first = engine.pid
    kill(engine)
    done, waiting = wait(hanging, timeout=1.0)
    assert not waiting
    assert {type(future.exception()) for future in done} == {EngineDied}
    assert num_running(engine) == 0
    assert engine.pid != first


def test_requests_that_are_handed_in_while_the_engine_dies_end_as_died_or_answered(
    engine: EngineProcess,
) -> None:
    raised: list[Exception] = []
    futures = [engine.submit(Request(prompt="hang"))]
    assert num_running(engine) == 1, "one at least dies"
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
    until(lambda: len(futures) > 100, 10)
    kill(engine)
    dying.set()
    for thread in threads:
        thread.join(timeout=30)
    assert raised == []
    running = num_running(engine)  # in the new engine, when all that died has been told
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

    kill(engine)
    assert until(lambda: bool(restarted()), 5)
    engine.close()
    assert until(lambda: not restarted(), 2)


def test_what_the_engine_logs_is_in_the_workers_log(
    engine_of: Callable[..., EngineProcess], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine = engine_of()
    assert isinstance(engine.submit(Request(prompt="log")).result(timeout=10), Embedding)
    assert until(lambda: len([each for each in caplog.records if each.name == "engine.stub"]) == 2, 5)
    while_loading, later = [each for each in caplog.records if each.name == "engine.stub"]
    assert (while_loading.levelname, while_loading.message) == ("INFO", "half of the weights are loaded")
    assert later.levelname == "ERROR"
    assert "ZeroDivisionError" in later.message


@pytest.mark.parametrize(
    ("model", "message"), [("broken", "no such weights"), ("crashing", "ended with code 7 while loading")]
)
def test_a_model_that_does_not_load_is_an_error_with_its_reason(model: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        EngineProcess(EngineConfig(model=model), stub_engine.main)
