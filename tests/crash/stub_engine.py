"""An engine for crash tests: one answer after the other, each after a while, and a log of them."""

import hashlib
import os
import queue
import signal
import threading
import time
from concurrent.futures import Future
from multiprocessing.connection import Connection

from engine import (
    BestChoice,
    ChoiceScores,
    Completion,
    Embedding,
    EngineConfig,
    FinishReason,
    Request,
    Usage,
)
from worker.engine_child import Desk
from worker.engine_messages import Loaded, Result


def main(pipe: Connection, config: EngineConfig, *, log: str, answer_s: float) -> None:
    """What the engine's process runs; see `EngineProcess`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    pipe.send(Loaded("stub", 400, num_layers=1))
    stub = StubEngine(log, answer_s)
    Desk(pipe, stub.submit, lambda: stub.num_answers).serve()


class StubEngine:
    """Answers a request with the hash of its prompt, which is a line of the log, too."""

    def __init__(self, log: str, answer_s: float) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._answer_s = answer_s
        self.num_answers = 0
        self._waiting: queue.SimpleQueue[tuple[Request, Future[Result]]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def submit(self, request: Request) -> "Future[Result]":
        future: Future[Result] = Future()
        self._waiting.put((request, future))
        return future

    def _serve(self) -> None:
        while True:
            request, future = self._waiting.get()
            if future.set_running_or_notify_cancel():
                time.sleep(self._answer_s)  # stands for the work
                digest = hashlib.sha256(repr(request.prompt_token_ids).encode()).hexdigest()[:16]
                os.write(self._log, f"{digest}\n".encode())
                self.num_answers += 1
                future.set_result(_answer(request, digest))


def _answer(request: Request, digest: str) -> Result:
    usage = Usage(prompt_tokens=len(request.prompt_token_ids or ()), cached_tokens=0, output_tokens=1)
    if request.best_only:
        return BestChoice(0, logprob=-1.0, token_count=1, usage=usage)
    if request.choices is not None:
        return ChoiceScores((-1.0,) * len(request.choices), (1,) * len(request.choices), usage)
    if request.pool is not None:
        return Embedding((1.0, 0.0), usage)
    return Completion(token_ids=(1,), text=digest, finish_reason=FinishReason.STOP, usage=usage)
