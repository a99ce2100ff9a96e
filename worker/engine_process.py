"""The engine behind its own face, hosted in a child process that is restarted when it dies or gets stuck."""

import itertools
import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from queue import SimpleQueue

from engine import EngineConfig, EngineError, ModelError, Request
from worker import engine_child, stall
from worker.engine_life import EngineEnd, EngineLife, end_reason
from worker.engine_log import log_again
from worker.engine_messages import (
    Broken,
    Cancel,
    DeviceGone,
    Finished,
    FromEngine,
    Logged,
    Result,
    Stepped,
    Submit,
    ToEngine,
)
from worker.engine_start import Child, Main, start_child
from worker.periodic import Periodic
from worker.stall import Quiet, Signs

log = logging.getLogger(__name__)

_CLOSE_LIMIT_S = 5.0
_END_LIMIT_S = 10.0
_END_LOOK_INTERVAL_S = 0.02
_MAX_LOOK_INTERVAL_S = 1.0


class EngineDied(EngineError):
    """The engine's process ended with this request in it; the request itself may be blameless."""

    code = "died"


class EngineLostDevice(EngineDied):
    """It ended because its device failed; no request is to blame, unless it happens again and again."""

    code = "device_lost"


class EngineUnavailable(EngineError):
    """No engine is to be had for this request, which can't be why: none starts, or the worker ends."""

    code = "unavailable"


class EngineProcess:
    """Starts the engine's process, and another one whenever it dies.

    One that does neither a step nor gives a result for `stall_limit_s`, with requests in it, is killed.

    Raises:
        ModelError: the model can't be loaded; nothing runs then.
    """

    def __init__(
        self, config: EngineConfig, main: Main = engine_child.main, stall_limit_s: float = stall.LIMIT_S
    ) -> None:
        self._config = config
        self._main = main
        self._stall_limit_s = stall_limit_s
        self._look_interval_s = min(_MAX_LOOK_INTERVAL_S, stall_limit_s / 10)
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Result]] = {}
        self._sent: set[int] = set()  # those of the pending that this engine has; the others wait for it
        self._outbox: SimpleQueue[ToEngine | None] = SimpleQueue()
        self._ready = threading.Event()
        self._closed = threading.Event()
        self._child = start_child(main, config, self._closed.is_set)
        self.fingerprint = self._child.loaded.fingerprint
        self.max_model_len = self._child.loaded.max_model_len
        self.abilities = self._child.loaded.abilities
        self.num_layers = self._child.loaded.num_layers
        self.runs_on = self._child.loaded.runs_on
        self.life = EngineLife(started_at_s=time.monotonic())
        self._device_gone: DeviceGone | None = None  # what this engine has said of its end
        self._was_stuck = False
        self._signs = Signs()
        self._quiet = Quiet(self._signs, time.monotonic())
        self._ready.set()
        self._reader = threading.Thread(target=self._read_for_life, name="engine-reader", daemon=True)
        self._reader.start()
        # A thread of its own, because a send waits while the pipe is full, or the engine is stuck: neither
        # whoever submits may wait for that, nor the reader, which must go on emptying the other way.
        threading.Thread(target=self._send_for_life, name="engine-sender", daemon=True).start()
        self._watchdog = Periodic("watch_engine", self._look_interval_s, self._end_if_stuck)
        self._watchdog.start()

    @property
    def pid(self) -> int | None:
        return self._child.process.pid

    def submit(self, request: Request) -> "Future[Result]":
        """Hand a request in, at once: while another engine is loading, it waits for that one.

        Cancelling the future cancels the request there.

        Raises:
            EngineUnavailable: it has been closed, or there is an outage.
        """
        if (outage := self.life.outage) is not None:
            raise EngineUnavailable(outage)
        request_id = next(self._ids)
        future: Future[Result] = Future()
        with self._lock:
            if self._closed.is_set():
                raise EngineUnavailable("the engine has been closed")
            self._pending[request_id] = future
        future.add_done_callback(lambda done: self._forget(request_id, cancelled=done.cancelled()))
        self._outbox.put(Submit(request_id, request))
        return future

    def close(self) -> None:
        """End the engine's process; requests still in it fail."""
        with self._lock:
            self._closed.set()
            self._ready.set()
        self._outbox.put(None)
        self._child.process.kill()
        self._watchdog.close()
        self._reader.join(timeout=_CLOSE_LIMIT_S)

    def _send_for_life(self) -> None:
        while (message := self._outbox.get()) is not None:
            while not self._deliver(message):
                pass  # the engine died before it had all of the message: it is the next one's

    def _deliver(self, message: ToEngine) -> bool:
        self._ready.wait()
        with self._lock:
            pipe = self._child.pipe
            if isinstance(message, Submit):
                if message.request_id not in self._pending:
                    return True  # cancelled or failed while it waited
                self._sent.add(message.request_id)  # first: an engine may die of it before the send is over
        try:
            pipe.send(message)
        except OSError:
            with self._lock:
                self._sent.discard(message.request_id)
                if pipe is self._child.pipe and not self._closed.is_set():
                    self._ready.clear()
            return self._closed.is_set()
        except Exception as error:  # what can't be pickled must not cost the requests behind it
            self._fail([message.request_id], EngineError, f"the request can't be sent: {error!r}")
        return True

    def _read_for_life(self) -> None:
        while not self._closed.is_set():
            try:
                self._receive(self._child.pipe.recv())
            except (EOFError, OSError):
                self._after_death()
        self._child.process.kill()  # it may have been started while we were being closed
        self._child.process.join()
        self._child.pipe.close()
        self._fail(self._ids_of_pending(), EngineUnavailable, "the engine was closed with this request in it")

    def _receive(self, message: FromEngine) -> None:
        signs = self._signs
        match message:
            case Stepped(num_steps):
                self._signs = Signs(signs.num_starts, num_steps, signs.num_results)
            case Finished(request_id) | Broken(request_id):
                self._signs = Signs(signs.num_starts, signs.num_steps, signs.num_results + 1)
                self._answer(request_id, message)
            case Logged():
                log_again(message)
            case DeviceGone():
                self._device_gone = message
            case _:
                raise AssertionError(message)

    def _answer(self, request_id: int, message: Finished | Broken) -> None:
        with self._lock:
            future = self._pending.get(request_id)
        if future is None or not future.set_running_or_notify_cancel():
            return
        match message:
            case Finished(_, result):
                future.set_result(result)
            case Broken(_, error):
                future.set_exception(error)

    def _after_death(self) -> None:
        if self._closed.is_set():
            return  # we killed it
        with self._lock:
            self._ready.clear()
            died = list(self._sent)
        if self._device_gone is None:
            self._fail(died, EngineDied, "the engine process died with this request in it")
            self._wait_for_end()
            reason = end_reason(self._child.process.exitcode, was_stuck=self._was_stuck)
            self.life = self.life.died(EngineEnd(reason, datetime.now(UTC)))
        else:
            detail = self._device_gone.detail
            self.life = self.life.lost_device(detail, datetime.now(UTC), time.monotonic())
            message = f"the engine's device was lost with this request in it: {detail}"
            self._fail(died, EngineLostDevice, message)
        self._restart()

    def _restart(self) -> None:
        """Start another engine, however often it takes; in an outage, nobody waits for that."""
        while True:
            if self.life.outage is not None:
                self._fail(self._ids_of_pending(), EngineUnavailable, self.life.outage)
            if self._closed.wait(self.life.pause_s):
                return
            try:
                child = self._start_again()
            except ModelError as error:
                log.error("action=engine_restart_failed error=%s", error)
                self.life = self.life.start_failed(str(error))
                continue
            self._take_over(child)
            return

    def _start_again(self) -> Child:
        """Raises ModelError, also for another model, as it is where a lost GPU isn't seen any more."""
        if not self._wait_for_end():
            raise ModelError("the process of the last one doesn't end, as where a GPU's driver hangs")
        log.error("action=engine_restart exit_code=%s", self._child.process.exitcode)
        child = start_child(self._main, self._config, self._closed.is_set)
        if (fingerprint := child.loaded.fingerprint) != self.fingerprint:
            child.end()
            raise ModelError(
                f"the model came up as {fingerprint}, and jobs were promised {self.fingerprint}: name the "
                "device (--device cuda:0), and look whether it is there"
            )
        return child

    def _wait_for_end(self) -> bool:
        """Whether the process has left its memory, and its device's, to the next one."""
        # Not `join`, which waits with the kernel where that waits for a driver, after the pipe is closed.
        deadline_s = time.monotonic() + _END_LIMIT_S
        while self._child.process.is_alive():
            if time.monotonic() > deadline_s or self._closed.wait(_END_LOOK_INTERVAL_S):
                return False
        return True

    def _take_over(self, child: Child) -> None:
        with self._lock:
            self._child = child
            self._device_gone, self._was_stuck = None, False
            self._signs = Signs(self._signs.num_starts + 1)
            self.life = self.life.restarted(time.monotonic())
            self._ready.set()

    def _end_if_stuck(self) -> None:
        with self._lock:
            process, signs, is_busy = self._child.process, self._signs, bool(self._sent)
        self._quiet = self._quiet.look(
            signs, time.monotonic(), is_busy=is_busy, max_gap_s=2 * self._look_interval_s
        )
        if self._quiet.for_s > self._stall_limit_s:
            log.error("action=engine_kill reason=stuck quiet_s=%.0f pid=%s", self._quiet.for_s, process.pid)
            self._was_stuck = True
            process.kill()  # the reader sees its end and starts another

    def _ids_of_pending(self) -> list[int]:
        with self._lock:
            return list(self._pending)

    def _fail(self, request_ids: Iterable[int], kind: type[EngineError], message: str) -> None:
        with self._lock:
            # Taken out under the lock, so that of two threads that see the same end one fails a request.
            futures = [self._pending.pop(request_id, None) for request_id in request_ids]
            self._sent.difference_update(request_ids)
        for future in futures:
            if future is not None and future.set_running_or_notify_cancel():
                future.set_exception(kind(message))

    def _forget(self, request_id: int, *, cancelled: bool) -> None:
        with self._lock:
            self._pending.pop(request_id, None)
            was_sent = request_id in self._sent
            self._sent.discard(request_id)
        if cancelled and was_sent:
            self._outbox.put(Cancel(request_id))
