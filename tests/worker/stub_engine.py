"""The child's side of the pipe with a stub for an engine: it starts in a blink and misbehaves as told."""

import os
import signal
import threading
from concurrent.futures import Future
from multiprocessing.connection import Connection

from engine import Embedding, EngineConfig, Request, RequestTooLong, Usage
from worker.engine_child import Desk
from worker.engine_messages import Loaded, LoadFailed, Result

BIG = 25_000  # numbers in an answer: more than a pipe holds


def main(pipe: Connection, config: EngineConfig) -> None:
    """The config's model names what happens at the start."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if config.model == "broken":
        pipe.send(LoadFailed("no such weights"))
        return
    if config.model == "crashing":
        os._exit(7)
    if (limit := config.max_model_len) is not None:
        threading.Event().wait(limit / 1000)  # milliseconds that it takes to load
    pipe.send(Loaded("stub", 100))
    Desk(pipe, _Stub().submit).serve()


class _Stub:
    """Answers from a thread of its own, as the engine does, with vectors that fill a pipe."""

    def __init__(self) -> None:
        self._running: list[Future[Result]] = []

    def submit(self, request: Request) -> "Future[Result]":
        assert request.prompt is not None
        if request.prompt.startswith("too long"):
            raise RequestTooLong("too long for this stub")
        future: Future[Result] = Future()
        match request.prompt:
            case "hang":
                self._running.append(future)
            case "running":
                running = sum(not each.done() for each in self._running)
                future.set_result(Embedding((float(running),), Usage(1, 0, 0)))
            case _:
                answer = Embedding((1.0,) * BIG, Usage(1, 0, 0))
                threading.Thread(target=future.set_result, args=(answer,)).start()
        return future
