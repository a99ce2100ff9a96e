"""The engine: a thread that steps through what has been submitted. A step is schedule, run, take."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from engine.assembly import assemble
from engine.config import EngineConfig
from engine.errors import EngineClosed, EngineError
from engine.intake import Answer
from engine.request import EngineStats, FinishReason, Request
from engine.sequence import Chunk, Sequence, Status
from engine.work import ChunkResult, EdgeLogprobs, HiddenSums, Pooling, Sampled, Scoring

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Engine:
    """Continuous batching over one model.

    `submit` may be called from any thread and returns at once; everything else that touches sequences or
    blocks happens in the engine's own thread, to which it is passed as a call through the inbox.
    """

    def __init__(self, config: EngineConfig) -> None:
        """Load the model; raises ModelError."""
        parts = assemble(config)
        self.tokenizer = parts.tokenizer
        self.max_model_len = parts.limits.max_model_len
        self.fingerprint = parts.fingerprint
        self._intake = parts.intake
        self._scheduler = parts.scheduler
        self._runner = parts.runner
        self._futures: dict[Sequence, Future[Answer]] = {}
        self._steps = self._prompt_tokens = self._output_tokens = 0
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> "Future[Any]":
        """Run a request; the future gives a Completion, ChoiceScores or Embedding, by the kind of request.

        Raises RequestError for a request that cannot be served, and EngineClosed. The future raises
        EngineError if a step failed under the request, EngineClosed if the engine was closed before its end.
        """
        sequence = self._intake.sequence_of(request)
        future: Future[Answer] = Future()
        self._post(lambda: self._start(sequence, future))
        future.add_done_callback(lambda done: self._post_cancel(sequence) if done.cancelled() else None)
        return future

    def cancel(self, future: "Future[Any]") -> bool:
        """Stop a request, as `future.cancel()` does; False if it has already ended."""
        return future.cancel()

    def stats(self) -> EngineStats:
        """A glance from outside the engine's thread: each number is right, they may be a step apart."""
        scheduler = self._scheduler
        return EngineStats(
            blocks_total=scheduler.pool.num_blocks,
            blocks_free=scheduler.pool.num_free,
            blocks_cached=scheduler.pool.num_cached,
            running=len(scheduler.running),
            waiting=scheduler.num_waiting,
            preemptions=scheduler.totals.preemptions,
            prefix_hit_tokens=scheduler.totals.prefix_hit_tokens,
            prompt_tokens=self._prompt_tokens,
            output_tokens=self._output_tokens,
            steps=self._steps,
        )

    def reset_prefix_cache(self) -> None:
        """Forget the KV of prompts that have ended."""
        self._call(self._scheduler.pool.reset_cache)

    def check_integrity(self) -> None:
        """Prove that no block has leaked: free + cached + held = all; an AssertionError says otherwise."""
        self._call(self._scheduler.check_integrity)

    def close(self) -> None:
        """Stop after the current step; what has not ended by then fails with EngineClosed."""
        with self._closing:
            self._closed = True
            self._inbox.put(_wake)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, call: Callable[[], None]) -> None:
        # Under the lock, so that nothing is put behind the last look into the inbox.
        with self._closing:
            if self._closed:
                raise EngineClosed("the engine is closed: make a new one")
            self._inbox.put(call)

    def _post_cancel(self, sequence: Sequence) -> None:
        # Not `_post`: a cancellation that comes after the end of everything is no error.
        self._inbox.put(lambda: self._drop(sequence))

    def _call(self, function: Callable[[], T]) -> T:
        answer: Future[T] = Future()
        self._post(lambda: _answer_with(function, answer))
        return answer.result()

    def _loop(self) -> None:
        try:
            while not self._closed:
                self._empty_inbox()
                self._step()
        finally:
            self._end()

    def _empty_inbox(self) -> None:
        """Do what the inbox asks for; wait for it if there is nothing else to do."""
        if not self._scheduler.has_work:
            self._check_idle()
            self._inbox.get()()
        while not self._inbox.empty():
            self._inbox.get()()

    def _check_idle(self) -> None:
        pool = self._scheduler.pool
        assert pool.num_available == pool.num_blocks, "nothing runs and a block is held"

    def _end(self) -> None:
        """Leave nobody waiting, whether the engine was closed or broke."""
        with self._closing:
            self._closed = True
        while not self._inbox.empty():
            self._inbox.get()()
        for sequence in list(self._futures):
            self._fail(sequence, EngineClosed("the engine was closed before the request had ended"))

    def _start(self, sequence: Sequence, future: "Future[Answer]") -> None:
        self._futures[sequence] = future
        self._scheduler.add(sequence)
        self._prompt_tokens += sequence.num_prompt_tokens

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
            self._fail_step(chunks, error)
            return
        self._steps += 1
        self._scheduler.complete(chunks)
        for chunk, result in zip(chunks, results, strict=True):
            self._take(chunk, result)

    def _fail_step(self, chunks: list[Chunk], error: Exception) -> None:
        logger.exception("a step of %d sequences failed", len(chunks))
        for chunk in chunks:
            self._fail(chunk.sequence, EngineError(f"the step failed: {error!r}"), error)
        # Blocks are published before they are computed, so that some may now promise what they do not hold.
        self._scheduler.pool.reset_cache()

    def _take(self, chunk: Chunk, result: ChunkResult) -> None:
        """Give a chunk's result to its sequence, and the answer to the caller if that was all."""
        sequence = chunk.sequence
        self._output_tokens += isinstance(result, Sampled)
        try:
            if (reason := _advance(chunk, result)) is not None:
                self._finish(sequence, reason)
        except Exception as error:
            logger.exception("a sequence failed")
            self._fail(sequence, EngineError(f"the request failed: {error!r}"), error)

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        self._scheduler.finish(sequence, reason)
        answer = self._intake.answer_of(sequence)
        future = self._futures.pop(sequence)
        if future.set_running_or_notify_cancel():
            future.set_result(answer)

    def _fail(self, sequence: Sequence, error: EngineError, cause: Exception | None = None) -> None:
        error.__cause__ = cause
        if sequence.status is not Status.FINISHED:
            self._scheduler.finish(sequence, None)
        future = self._futures.pop(sequence)
        if future.set_running_or_notify_cancel():
            future.set_exception(error)


def _wake() -> None:
    """Makes the thread look up."""


def _answer_with(function: Callable[[], T], answer: "Future[T]") -> None:
    try:
        answer.set_result(function())
    except BaseException as error:  # it is the caller's, whatever it is
        answer.set_exception(error)


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
