"""Start an engine's process and wait until its model is loaded."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from engine import EngineConfig, ModelError
from worker.engine_log import log_again
from worker.engine_messages import Loaded, LoadFailed, Logged

Main = Callable[[Connection, EngineConfig], None]
"""What the child runs: it says `Loaded` or `LoadFailed`, then serves requests."""

_LOAD_LIMIT_S = 1800.0
_LOOK_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Child:
    """An engine's process that is ready, and our end of the pipe to it."""

    process: BaseProcess
    pipe: Connection
    loaded: Loaded

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def start_child(main: Main, config: EngineConfig, is_given_up: Callable[[], bool]) -> Child:
    """Start a process; its death is an end of file in the pipe.

    Raises:
        ModelError: the model can't be loaded, or not in half an hour, or was given up; nothing runs then.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit Celery's threads and locks
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=(theirs, config), name="bydawn-engine", daemon=True)
    process.start()
    theirs.close()  # so that its death is an end of file here
    answer = _answer(process, ours, is_given_up)
    if isinstance(answer, LoadFailed):
        process.kill()
        process.join()
        ours.close()
        raise ModelError(answer.message)
    return Child(process, ours, answer)


def _answer(process: BaseProcess, pipe: Connection, is_given_up: Callable[[], bool]) -> Loaded | LoadFailed:
    deadline_s = time.monotonic() + _LOAD_LIMIT_S
    while time.monotonic() < deadline_s:
        if is_given_up():
            return LoadFailed("the worker ended while the model was loaded")
        if not pipe.poll(_LOOK_INTERVAL_S):
            continue
        try:
            answer = pipe.recv()
        except (EOFError, OSError):
            process.join()
            return LoadFailed(
                f"the engine process ended with code {process.exitcode} while loading the model"
            )
        if isinstance(answer, Loaded | LoadFailed):
            return answer
        assert isinstance(answer, Logged), answer
        log_again(answer)
    return LoadFailed(f"the model was not loaded within {_LOAD_LIMIT_S:.0f} s")
