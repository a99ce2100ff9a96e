"""An engine for crash tests: one answer after the other, each after a while, and a log of them."""

import hashlib
import os
import queue
import signal
import threading
import time
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path

from engine import (
    BestChoice,
    ChoiceScores,
    Completion,
    DeviceLost,
    Embedding,
    EngineConfig,
    FinishReason,
    Request,
    Usage,
)
from worker.engine_child import Desk, SharedPipe
from worker.engine_messages import Loaded, Result

FINGERPRINT = "stub"
MAX_MODEL_LEN = 400  # tokens


def main(pipe: Connection, config: EngineConfig, *, log: str, answer_s: float) -> None:
    """What the engine's process runs; see `EngineProcess`. A file beside the log makes it lose its device."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    pipe.send(Loaded(FINGERPRINT, MAX_MODEL_LEN))
    stub = StubEngine(log, answer_s)
    Desk(SharedPipe(pipe), stub.submit, lambda: stub.num_answers).serve()


class StubEngine:
    """Answers a request by the hash of its prompt, which is a line of the log, too."""

    def __init__(self, log: str, answer_s: float) -> None:
        self._order_to_lose = Path(f"{log}.lose")
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
                if self._order_to_lose.exists():
                    self._order_to_lose.unlink()
                    future.set_exception(DeviceLost("CUDA error: uncorrectable ECC error encountered"))
                os.write(self._log, f"{prompt_digest(request)}\n".encode())
                self.num_answers += 1
                future.set_result(answer(request))


def prompt_digest(request: Request) -> str:
    return hashlib.sha256(repr(request.prompt_token_ids).encode()).hexdigest()[:16]


def answer(request: Request) -> Result:
    """The same for the same prompt, and most likely another one for any other."""
    digest = prompt_digest(request)
    shares = [number / 256 for number in bytes.fromhex(digest)]  # exact as float32, too
    usage = Usage(prompt_tokens=len(request.prompt_token_ids or ()), cached_tokens=0, output_tokens=1)
    if request.best_only:
        assert request.choices is not None
        return BestChoice(int(digest, 16) % len(request.choices), logprob=-1.0, token_count=1, usage=usage)
    if request.choices is not None:
        num_choices = len(request.choices)
        return ChoiceScores(tuple(-share for share in shares[:num_choices]), (1,) * num_choices, usage)
    if request.pool is not None:
        return Embedding(tuple(shares), usage)
    return Completion(token_ids=(1,), text=digest, finish_reason=FinishReason.STOP, usage=usage)
