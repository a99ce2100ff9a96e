"""The engine's thread. A step is schedule, launch, take.

Where the runner can, the next step is scheduled and launched before the results of this one are taken: what
the host does takes place while the device computes. At most one step is in flight then.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from engine.advance import advance
from engine.errors import (
    DeviceLost,
    EngineClosed,
    EngineError,
    OutOfMemory,
    is_out_of_memory,
    raise_if_device_lost,
)
from engine.flight import Flight
from engine.futures import settle, settle_failed
from engine.protocols import Launched, Runner, Scheduling
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence, Status
from engine.ticket import Ticket
from engine.totals import Totals
from engine.work import ChunkResult, Sampled

T = TypeVar("T")
ErrorT = TypeVar("ErrorT", bound=EngineError)
logger = logging.getLogger(__name__)


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
        self._flight: Flight | None = None
        self._last_end_s = 0.0
        self._closed = False
        self._why_closed = EngineClosed("the engine is closed: make a new one")
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
                raise _copy(self._why_closed)
            self._inbox.put(call)

    def _post_cancel(self, ticket: Ticket) -> None:
        # Not `_post`: to cancel what a closed engine has already failed is no error.
        self._inbox.put(lambda: self._drop(ticket, FinishReason.CANCELLED))

    def _run(self) -> None:
        try:
            while not self._closed:
                self._empty_inbox()
                self._step()
            self._land()
        except DeviceLost as lost:
            logger.exception("the engine lost its device")
            self._why_closed = lost
            self._end(lost, lost)
        except BaseException as fault:  # a defect of the engine's: whoever waits is to know
            logger.exception("the engine broke")
            failure = EngineClosed(f"the engine broke before the request had ended: {fault!r}")
            self._end(failure, fault)
        else:
            self._end(EngineClosed("the engine was closed before the request had ended"))

    def _empty_inbox(self) -> None:
        """Do what the inbox asks for; wait for it if there is nothing else to do."""
        if not self._scheduler.has_work:
            self._land()
            self._scheduler.check_idle()
            self._inbox.get()()
        while not self._inbox.empty():
            self._inbox.get()()

    def _end(self, failure: EngineClosed, fault: BaseException | None = None) -> None:
        """Leave nobody waiting, whether the engine was closed or broke."""
        with self._closing:
            self._closed = True
        while not self._inbox.empty():
            _try(self._inbox.get())
        for ticket in dict.fromkeys(self._tickets.values()):
            _try(partial(self._drop, ticket, None))
            settle_failed(ticket.future, _copy(failure), fault)

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
        """Launch a step, and only then take the results of the one before it."""
        started_s = time.perf_counter()
        chunks = self._scheduler.schedule()
        if not chunks:
            assert self._flight or not self._scheduler.has_work, "there is work, and nothing runs"
            self._land()
            return
        scheduling_s = 0.0 if self._flight else time.perf_counter() - started_s
        launched = self._try_launch(chunks)
        if isinstance(launched, Exception):
            self._after_failed_launch(chunks, launched)
            return
        self._scheduler.complete(chunks)
        before, self._flight = self._flight, Flight(chunks, launched, started_s, scheduling_s)
        if before is not None:
            self._take_results(before)
        if self._flight and not (self._runner.runs_ahead and not self._flight.holds_up_many):
            self._land()

    def _try_launch(self, chunks: list[Chunk]) -> Launched | Exception:
        started_s = time.perf_counter()
        try:
            return self._runner.launch(chunks)
        except Exception as error:
            raise_if_device_lost(error)
            return error
        finally:
            self.totals.launching_s += time.perf_counter() - started_s

    def _land(self) -> None:
        """Take the results of the step in flight, if there is one."""
        flight, self._flight = self._flight, None
        if flight is not None:
            self._take_results(flight)

    def _take_results(self, flight: Flight) -> None:
        asked_s = time.perf_counter()
        try:
            results = flight.launched.results()
        except Exception as error:
            raise_if_device_lost(error)
            self._after_late_failure(flight, error)
            return
        ready_s = time.perf_counter()
        self._note_step(flight)
        for chunk, result in zip(flight.chunks, results, strict=True):
            self._take(chunk, result)
        self.totals.waiting_s += ready_s - asked_s
        self.totals.taking_s += time.perf_counter() - ready_s

    def _note_step(self, flight: Flight) -> None:
        ended_s = time.perf_counter()
        # A step that was launched ahead begins when the one before it ends.
        step_s = ended_s - max(flight.started_s, self._last_end_s)
        self._last_end_s = ended_s
        self.totals.note_step(flight.chunks, flight.scheduling_s, step_s)
        self._scheduler.budget.note_good_step()

    def _after_failed_launch(self, chunks: list[Chunk], error: Exception) -> None:
        """Try again with fewer tokens if memory ran out and there are fewer; or else fail the requests."""
        self._scheduler.abandon(chunks)
        # Not to blame; and who ends with it should never have been in the step that failed.
        self._land()
        num_tokens = sum(chunk.num_tokens for chunk in chunks)
        if not is_out_of_memory(error):
            logger.error("a step of %d sequences failed", len(chunks), exc_info=error)
            self._fail_step(chunks, EngineError(f"the step failed: {error!r}"), error)
        elif self._scheduler.budget.shrink():
            self.totals.out_of_memory_retries += 1
            tokens = self._scheduler.budget.tokens
            logger.warning("a step of %d tokens ran out of memory: trying %d", num_tokens, tokens)
        else:
            logger.error("a step of %d tokens ran out of memory", num_tokens, exc_info=error)
            message = f"no memory for a step of {num_tokens} tokens: {self._scheduler.out_of_memory_remedy}"
            self._fail_step(chunks, OutOfMemory(f"{message} ({error!r})"), error)
            self._scheduler.budget.note_culprit_gone()

    def _after_late_failure(self, flight: Flight, error: Exception) -> None:
        """Fail the requests of a step that was good when it was launched, and of the one behind it."""
        logger.error("a step of %d sequences failed on the device", len(flight.chunks), exc_info=error)
        behind, self._flight = self._flight, None
        chunks = [*flight.chunks, *(behind.chunks if behind else ())]
        # Nobody else holds a block that the two were to write, but the next to come would find it.
        self._scheduler.reset_cache()
        self._fail_step(chunks, EngineError(f"the step failed: {error!r}"), error)

    def _fail_step(self, chunks: list[Chunk], failure: EngineError, cause: Exception) -> None:
        # The frames hold the step's tensors, for as long as somebody holds the error.
        traceback.clear_frames(cause.__traceback__)
        for chunk in chunks:
            self._fail(chunk.sequence, _copy(failure), cause)

    def _take(self, chunk: Chunk, result: ChunkResult) -> None:
        """Give a chunk's result to its sequence, and the answer to the caller if that was all."""
        if chunk.sequence.status is Status.FINISHED:
            return  # it was cancelled or ended while the step ran, or a sibling has failed
        self.totals.output_tokens += isinstance(result, Sampled)
        try:
            if (reason := advance(chunk, result)) is not None:
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


def _copy(error: ErrorT) -> ErrorT:
    """Of its own for each who hears of it: its cause and its frames are written into it."""
    return type(error)(*error.args)


def _look_up() -> None:
    """Wakes the thread."""


def _try(call: Callable[[], None]) -> None:
    """Do it as far as a broken engine can."""
    try:
        call()
    except Exception:
        logger.exception("a broken engine could not clear up")
