"""The engine's thread. A step is schedule, run, take."""

import logging
import threading
from collections.abc import Callable
from collections.abc import Sequence as Seq
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from engine.errors import EngineClosed, EngineError
from engine.request import FinishReason
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence, Status
from engine.work import ChunkResult, EdgeLogprobs, HiddenSums, Pooling, Sampled, Scoring

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Runner(Protocol):
    """What computes a step."""

    def run(self, chunks: Seq[Chunk]) -> list[ChunkResult]:
        """Results in the chunks' order; whatever it raises fails these chunks' sequences and no others."""


@dataclass(slots=True)
class Totals:
    """Counts since the start."""

    steps: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0


class StepLoop:
    """Runs sequences until they end, in a thread of its own.

    Everything that touches sequences or blocks happens in that thread; others hand it calls through an inbox.
    """

    def __init__(self, scheduler: Scheduler, runner: Runner, answer_of: Callable[[Sequence], Any]) -> None:
        self.totals = Totals()
        self._scheduler = scheduler
        self._runner = runner
        self._answer_of = answer_of
        self._futures: dict[Sequence, Future[Any]] = {}
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, sequence: Sequence) -> "Future[Any]":
        """Run a sequence; cancelling the future stops it. Raises EngineClosed."""
        future: Future[Any] = Future()
        self._post(lambda: self._start(sequence, future))
        future.add_done_callback(lambda done: self._post_cancel(sequence) if done.cancelled() else None)
        return future

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread, between two steps. Raises EngineClosed."""
        answer: Future[T] = Future()
        self._post(lambda: _settle(answer, function))
        return answer.result()

    def close(self) -> None:
        """Stop after the current step; what has not ended by then fails with EngineClosed."""
        with self._closing:
            self._closed = True
            self._inbox.put(_look_up)
        self._thread.join()

    def _post(self, call: Callable[[], None]) -> None:
        # Under the lock, so that nothing is put behind the thread's last look into the inbox.
        with self._closing:
            if self._closed:
                raise EngineClosed("the engine is closed: make a new one")
            self._inbox.put(call)

    def _post_cancel(self, sequence: Sequence) -> None:
        # Not `_post`: to cancel what a closed engine has already failed is no error.
        self._inbox.put(lambda: self._drop(sequence))

    def _run(self) -> None:
        try:
            while not self._closed:
                self._empty_inbox()
                self._step()
        finally:
            self._end()

    def _empty_inbox(self) -> None:
        """Do what the inbox asks for; wait for it if there is nothing else to do."""
        if not self._scheduler.has_work:
            self._scheduler.check_idle()
            self._inbox.get()()
        while not self._inbox.empty():
            self._inbox.get()()

    def _end(self) -> None:
        """Leave nobody waiting, whether the engine was closed or broke."""
        with self._closing:
            self._closed = True
        while not self._inbox.empty():
            self._inbox.get()()
        for sequence in list(self._futures):
            self._fail(sequence, EngineClosed("the engine was closed before the request had ended"))

    def _start(self, sequence: Sequence, future: "Future[Any]") -> None:
        self._futures[sequence] = future
        self._scheduler.add(sequence)
        self.totals.prompt_tokens += sequence.num_prompt_tokens

    def _drop(self, sequence: Sequence) -> None:
        if self._futures.pop(sequence, None) is not None:
            self._scheduler.finish(sequence, FinishReason.CANCELLED)

    def _step(self) -> None:
        chunks = self._scheduler.schedule()
        if not chunks:
            return
        try:
            results = self._runner.run(chunks)
        except Exception as error:
            logger.exception("a step of %d sequences failed", len(chunks))
            self._fail_step(chunks, error)
            return
        self._scheduler.complete(chunks)
        self.totals.steps += 1
        for chunk, result in zip(chunks, results, strict=True):
            self._take(chunk, result)

    def _fail_step(self, chunks: list[Chunk], error: Exception) -> None:
        # Blocks are published before they are computed: some may now promise what they do not hold.
        self._scheduler.pool.reset_cache()
        for chunk in chunks:
            self._fail(chunk.sequence, EngineError(f"the step failed: {error!r}"), error)

    def _take(self, chunk: Chunk, result: ChunkResult) -> None:
        """Give a chunk's result to its sequence, and the answer to the caller if that was all."""
        self.totals.output_tokens += isinstance(result, Sampled)
        try:
            if (reason := _advance(chunk, result)) is not None:
                self._finish(chunk.sequence, reason)
        except Exception as error:
            logger.exception("a sequence failed")
            self._fail(chunk.sequence, EngineError(f"the request failed: {error!r}"), error)

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        # Before the caller hears of it, so that it finds the blocks free.
        self._scheduler.finish(sequence, reason)
        answer = self._answer_of(sequence)
        _settle(self._futures.pop(sequence), lambda: answer)

    def _fail(self, sequence: Sequence, error: EngineError, cause: Exception | None = None) -> None:
        error.__cause__ = cause
        if sequence.status is not Status.FINISHED:
            self._scheduler.finish(sequence, None)
        future = self._futures.pop(sequence)
        if future.set_running_or_notify_cancel():
            future.set_exception(error)


def _look_up() -> None:
    """Wakes the thread."""


def _settle(future: "Future[T]", function: Callable[[], T]) -> None:
    """Give a future what the function returns or raises, unless it has been cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except BaseException as error:  # it is the caller's, whatever it is
        future.set_exception(error)


def _advance(chunk: Chunk, result: ChunkResult) -> FinishReason | None:
    """Let a sequence take in a result; the reason if it has ended with it."""
    sequence = chunk.sequence
    match result:
        case Sampled():
            return sequence.append(result)
        case EdgeLogprobs(by_edge) if isinstance(sequence.work, Scoring):
            sequence.work.edge_logprobs |= by_edge
        case HiddenSums() if isinstance(sequence.work, Pooling):
            sequence.work.add(result)
        case _:
            return None
    return FinishReason.STOP if chunk.is_last else None
