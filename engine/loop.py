"""The engine's thread. A step is schedule, run, take."""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Sequence as Seq
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from engine.errors import EngineClosed, EngineError, OutOfMemory, RequestError, is_out_of_memory
from engine.futures import settle, settle_failed
from engine.protocols import Runner, Scheduling
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence, Status
from engine.work import (
    NOT_FINITE,
    ChunkResult,
    EdgeLogprobs,
    Encoded,
    Encoding,
    HiddenSums,
    NoToken,
    Pooling,
    Sampled,
)

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Totals:
    """Counts since the start, of steps that succeeded, and the last of these."""

    steps: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    batch_tokens: int = 0
    batch_sequences: int = 0
    last_batch_tokens: int = 0
    last_batch_sequences: int = 0
    scheduling_s: float = 0.0
    step_s: float = 0.0
    out_of_memory_retries: int = 0

    def note_step(self, chunks: Seq[Chunk], scheduling_s: float, step_s: float) -> None:
        """Count a step: the time to schedule it, and from its beginning to the results."""
        self.steps += 1
        self.last_batch_tokens = sum(chunk.num_tokens for chunk in chunks)
        self.last_batch_sequences = len(chunks)
        self.batch_tokens += self.last_batch_tokens
        self.batch_sequences += self.last_batch_sequences
        self.scheduling_s += scheduling_s
        self.step_s += step_s


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A request's sequences, which end together, and the future that hears of it."""

    sequences: tuple[Sequence, ...]
    future: Future[Any]

    @property
    def has_ended(self) -> bool:
        """Whether all of them have."""
        return all(sequence.status is Status.FINISHED for sequence in self.sequences)


class StepLoop:
    """Runs sequences until they end, in a thread of its own.

    Everything that touches sequences or blocks happens in that thread; others hand it calls through an inbox.
    """

    def __init__(self, scheduler: Scheduling, runner: Runner, answer_of: Callable[..., Any]) -> None:
        self.totals = Totals()
        self._scheduler = scheduler
        self._runner = runner
        self._answer_of = answer_of
        self._tickets: dict[Sequence, Ticket] = {}  # of sequences that have not ended
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, *sequences: Sequence) -> "Future[Any]":
        """Run a request's sequences, which have one prompt; cancelling the future stops them all.

        If one fails, so do the others. Raises EngineClosed.
        """
        for sequence in sequences:
            self._scheduler.prepare(sequence)
        ticket = Ticket(sequences, Future())
        self._post(lambda: self._start(ticket))
        ticket.future.add_done_callback(lambda done: self._post_cancel(ticket) if done.cancelled() else None)
        return ticket.future

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread, between two steps. Raises EngineClosed.

        In the thread itself, where a future's callback runs, at once: it would wait for itself.
        """
        if self._is_own_thread and not self._closed:
            return function()
        answer: Future[T] = Future()
        self._post(lambda: settle(answer, function))
        return answer.result()

    def close(self) -> None:
        """Stop after the current step; what has not ended by then fails with EngineClosed.

        Returns when the thread has ended, but at once where a future's callback calls it in the thread.
        """
        with self._closing:
            self._closed = True
            self._inbox.put(_look_up)
        if not self._is_own_thread:
            self._thread.join()

    @property
    def _is_own_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def _post(self, call: Callable[[], None]) -> None:
        # Under the lock, so that nothing is put behind the thread's last look into the inbox.
        with self._closing:
            if self._closed:
                raise EngineClosed("the engine is closed: make a new one")
            self._inbox.put(call)

    def _post_cancel(self, ticket: Ticket) -> None:
        # Not `_post`: to cancel what a closed engine has already failed is no error.
        self._inbox.put(lambda: self._drop(ticket, FinishReason.CANCELLED))

    def _run(self) -> None:
        try:
            while not self._closed:
                self._empty_inbox()
                self._step()
        except BaseException as fault:  # a defect of the engine's: whoever waits is to know
            logger.exception("the engine broke")
            self._end(f"the engine broke before the request had ended: {fault!r}", fault)
        else:
            self._end("the engine was closed before the request had ended")

    def _empty_inbox(self) -> None:
        """Do what the inbox asks for; wait for it if there is nothing else to do."""
        if not self._scheduler.has_work:
            self._scheduler.check_idle()
            self._inbox.get()()
        while not self._inbox.empty():
            self._inbox.get()()

    def _end(self, message: str, fault: BaseException | None = None) -> None:
        """Leave nobody waiting, whether the engine was closed or broke."""
        with self._closing:
            self._closed = True
        while not self._inbox.empty():
            _try(self._inbox.get())
        for ticket in dict.fromkeys(self._tickets.values()):
            _try(partial(self._drop, ticket, None))
            settle_failed(ticket.future, EngineClosed(message), fault)

    def _start(self, ticket: Ticket) -> None:
        for sequence in ticket.sequences:
            self._tickets[sequence] = ticket
            self._scheduler.add(sequence)
        self.totals.prompt_tokens += ticket.sequences[0].num_prompt_tokens

    def _drop(self, ticket: Ticket, reason: FinishReason | None) -> None:
        """End what has not ended."""
        for sequence in ticket.sequences:
            self._tickets.pop(sequence, None)
            if sequence.status is not Status.FINISHED:
                self._scheduler.finish(sequence, reason)

    def _step(self) -> None:
        started_s = time.perf_counter()
        chunks = self._scheduler.schedule()
        if not chunks:
            return
        scheduled_s = time.perf_counter()
        try:
            results = self._runner.launch(chunks).results()
        except Exception as error:
            self._after_failed_step(chunks, error)
            return
        self._scheduler.complete(chunks)
        self._scheduler.budget.note_good_step()
        self.totals.note_step(chunks, scheduled_s - started_s, time.perf_counter() - started_s)
        for chunk, result in zip(chunks, results, strict=True):
            self._take(chunk, result)

    def _after_failed_step(self, chunks: list[Chunk], error: Exception) -> None:
        """Try again with fewer tokens if memory ran out and there are fewer; or else fail the requests."""
        self._scheduler.abandon(chunks)
        num_tokens = sum(chunk.num_tokens for chunk in chunks)
        if not is_out_of_memory(error):
            logger.exception("a step of %d sequences failed", len(chunks))
            self._fail_step(chunks, EngineError(f"the step failed: {error!r}"), error)
        elif self._scheduler.budget.shrink():
            self.totals.out_of_memory_retries += 1
            tokens = self._scheduler.budget.tokens
            logger.warning("a step of %d tokens ran out of memory: trying %d", num_tokens, tokens)
        else:
            logger.exception("a step of %d tokens ran out of memory", num_tokens)
            message = f"no memory for a step of {num_tokens} tokens: {self._scheduler.out_of_memory_remedy}"
            self._fail_step(chunks, OutOfMemory(f"{message} ({error!r})"), error)
            self._scheduler.budget.note_culprit_gone()

    def _fail_step(self, chunks: list[Chunk], failure: EngineError, cause: Exception) -> None:
        # The frames hold the step's tensors, for as long as somebody holds the error.
        traceback.clear_frames(cause.__traceback__)
        for chunk in chunks:
            self._fail(chunk.sequence, type(failure)(*failure.args), cause)

    def _take(self, chunk: Chunk, result: ChunkResult) -> None:
        """Give a chunk's result to its sequence, and the answer to the caller if that was all."""
        if chunk.sequence.status is Status.FINISHED:
            return  # a sibling has failed in this step
        self.totals.output_tokens += isinstance(result, Sampled)
        try:
            if (reason := _advance(chunk, result)) is not None:
                self._finish(chunk.sequence, reason)
        except EngineError as error:
            self._fail(chunk.sequence, error)
        except Exception as error:
            logger.exception("a sequence failed")
            self._fail(chunk.sequence, EngineError(f"the request failed: {error!r}"), error)

    def _finish(self, sequence: Sequence, reason: FinishReason) -> None:
        # Before the caller hears of it, so that it finds the blocks free.
        self._scheduler.finish(sequence, reason)
        ticket = self._tickets[sequence]
        if ticket.has_ended:
            answer = self._answer_of(*ticket.sequences)
            settle(ticket.future, lambda: answer)
        del self._tickets[sequence]

    def _fail(self, sequence: Sequence, error: EngineError, cause: Exception | None = None) -> None:
        if (ticket := self._tickets.get(sequence)) is None:
            return  # a sibling has failed before it
        self._drop(ticket, None)
        settle_failed(ticket.future, error, cause)


def _look_up() -> None:
    """Wakes the thread."""


def _try(call: Callable[[], None]) -> None:
    """Do it as far as a broken engine can."""
    try:
        call()
    except Exception:
        logger.exception("a broken engine could not clear up")


def _advance(chunk: Chunk, result: ChunkResult) -> FinishReason | None:
    """Let a sequence take in a result; the reason if it has ended with it. Raises RequestError."""
    sequence = chunk.sequence
    match result:
        case Sampled():
            return sequence.append(result)
        case NoToken(reason):
            raise RequestError(reason)
        case EdgeLogprobs() | HiddenSums() | Encoded() if not result.are_finite:
            raise RequestError(NOT_FINITE)
        case EdgeLogprobs():
            return sequence.take_scores(result, chunk.is_last)
        case HiddenSums() if isinstance(sequence.work, Pooling):
            sequence.work.add(result)
        case Encoded(values) if isinstance(sequence.work, Encoding):
            sequence.work.values = tuple(values)
        case _:
            return None
    return FinishReason.STOP if chunk.is_last else None
