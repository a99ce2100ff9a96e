"""What tests do with an engine's process."""

import os
import signal
import time
from collections.abc import Callable

from engine import Embedding, Request
from worker.engine_process import EngineProcess


def until(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def num_running(engine: EngineProcess) -> float:
    answer = engine.submit(Request(prompt="running")).result(timeout=10)
    assert isinstance(answer, Embedding)
    return answer.embedding[0]


def kill(engine: EngineProcess) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
