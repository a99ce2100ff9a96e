"""The child's side of the pipe with a stub for an engine: it starts in a blink and misbehaves as told."""

import logging
import os
import signal
import threading
import time
from concurrent.futures import Future
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from engine import DeviceLost, Embedding, EngineConfig, Request, RequestTooLong, Usage
from worker import engine_child
from worker.engine_child import Desk, SharedPipe
from worker.engine_log import send_logs
from worker.engine_messages import Loaded, LoadFailed, Result

log = logging.getLogger("engine.stub")

BIG = 25_000  # numbers in an answer: more than a pipe holds
WORDS = ("die", "wait", "lose")
"""First token ids of prompts that are misbehaved on; others are answered at once."""
NUM_WAITS = 2
"""So many engines wait for ever on "wait", the next one answers."""
LOST = "CUDA error: an illegal memory access was encountered"


def main(pipe: Connection, config: EngineConfig) -> None:
    """The config's model names what happens at the start, or the folder in which traces are left."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if config.model == "broken":
        pipe.send(LoadFailed("no such weights"))
        return
    if config.model == "crashing":
        os._exit(7)
    folder = Path(config.model)
    if (folder / "weights gone").exists():
        pipe.send(LoadFailed("the weights are gone"))
        return
    pipe_of_all = SharedPipe(pipe)
    send_logs(pipe_of_all.send)
    log.info("half of the weights are loaded")
    if (limit := config.max_model_len) is not None:
        threading.Event().wait(limit / 1000)  # milliseconds that it takes to load
    fingerprint = "other" if (folder / "on another device").exists() else "stub"
    pipe_of_all.send(Loaded(fingerprint, 100, num_layers=1))
    stub = _Stub(folder)
    Desk(pipe_of_all, stub.submit, lambda: stub.num_steps, tell_interval_s=0.05).serve()


def main_on_a_full_gpu(pipe: Connection, config: EngineConfig) -> None:
    """The product's own, but for what the engine is made of."""

    def open_engine(_: EngineConfig) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    opening = import_module("engine.opening")  # here, for it brings torch, and the stub starts in a blink
    setattr(opening, "open_engine", open_engine)  # noqa: B010 (the type checker refuses it)
    engine_child.main(pipe, config)


def main_that_lingers(pipe: Connection, config: EngineConfig) -> None:
    """Its pipe ends at the first request, and it does not: as where the kernel waits for a GPU's driver."""
    pipe.send(Loaded("stub", 100, num_layers=1))
    pipe.recv()
    pipe.close()
    time.sleep(3600)


class _Stub:
    """Answers from a thread of its own, as the engine does, with vectors that fill a pipe."""

    def __init__(self, folder: Path) -> None:
        self.num_steps = 0
        self._folder = folder
        losses = folder / "losses"
        self._num_losses = int(losses.read_text()) if losses.exists() else 1
        self._running: list[Future[Result]] = []

    def submit(self, request: Request) -> "Future[Result]":
        if request.prompt is None:
            return self._run_row(request)
        if request.prompt.startswith("too long"):
            raise RequestTooLong("too long for this stub")
        future: Future[Result] = Future()
        match request.prompt.split():
            case ["hang"]:
                self._running.append(future)
            case ["running"]:
                running = sum(not each.done() for each in self._running)
                future.set_result(_embedding(float(running)))
            case ["lose"]:
                future.set_exception(DeviceLost(LOST))
            case ["die"]:
                os._exit(9)
            case ["log"]:
                _log_a_defect()
                future.set_result(_embedding(1.0))
            case ["steps", seconds]:
                threading.Thread(target=self._step, args=(future, float(seconds))).start()
            case ["step", seconds]:
                threading.Timer(float(seconds), future.set_result, [_embedding(1.0)]).start()
            case _:
                answer = _embedding(*(1.0,) * BIG)
                threading.Thread(target=future.set_result, args=(answer,)).start()
        return future

    def _run_row(self, request: Request) -> "Future[Result]":
        (first, *_) = request.prompt_token_ids or ()
        future: Future[Result] = Future()
        match WORDS[first] if first < len(WORDS) else None:
            case "die":
                self._leave_trace("died")
                os._exit(9)
            case "lose" if self._leave_trace("lost") <= self._num_losses:
                future.set_exception(DeviceLost(LOST))
            case "wait" if self._leave_trace("waits") <= NUM_WAITS:
                self._running.append(future)
            case _:
                future.set_result(_embedding(1.0))
        return future

    def _step(self, future: "Future[Result]", seconds: float) -> None:
        """Many short steps."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.num_steps += 1
            time.sleep(0.02)
        future.set_result(_embedding(1.0))

    def _leave_trace(self, what: str) -> int:
        """Returns how many engines have left it."""
        (self._folder / f"{what} {os.getpid()}").touch()
        return len(list(self._folder.glob(f"{what} *")))


def _log_a_defect() -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        log.exception("a step failed")


def _embedding(*values: float) -> Embedding:
    return Embedding(values, Usage(1, 0, 0))
