"""The engine behind its own face, hosted in a child process that is restarted when it dies."""

import itertools
import logging
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from engine import EngineConfig, EngineError, ModelError, Request
from worker import engine_child
from worker.engine_messages import Broken, Cancel, Finished, FromEngine, Loaded, LoadFailed, Result, Submit

log = logging.getLogger(__name__)

Main = Callable[[Connection, EngineConfig], None]
"""What the child runs: it says `Loaded` or `LoadFailed`, then serves requests."""

_RESTART_PAUSE_S = 1.0
_RESTART_LIMIT_S = 120.0
_CLOSE_LIMIT_S = 5.0


class EngineDied(EngineError):
    """The engine's process ended with this request in it; the request itself may be blameless."""

    code = "died"


class EngineProcess:
    """Starts the engine's process, and starts another whenever it dies.

    Raises:
        ModelError: the model can't be loaded; nothing runs then.
    """

    def __init__(self, config: EngineConfig, main: Main = engine_child.main) -> None:
        self._config = config
        self._main = main
        self._ids = itertools.count()
        # Two locks: a send waits while the pipe is full, and the reader must go on emptying the other way,
        # or both processes wait for each other.
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._pending: dict[int, Future[Result]] = {}
        self._ready = threading.Event()
        self._closed = threading.Event()
        self._process, self._pipe, loaded = self._start()
        self.fingerprint = loaded.fingerprint
        self.max_model_len = loaded.max_model_len
        self._ready.set()
        self._reader = threading.Thread(target=self._read_for_life, name="engine-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def submit(self, request: Request) -> "Future[Result]":
        """Hand a request in; cancelling the future cancels it there.

        Raises:
            EngineDied: the engine is gone and doesn't come back.
        """
        if not self._ready.wait(_RESTART_LIMIT_S) or self._closed.is_set():
            raise EngineDied("the engine process is gone")
        request_id = next(self._ids)
        future: Future[Result] = Future()
        with self._lock:
            self._pending[request_id] = future
        future.add_done_callback(lambda done: self._forget(request_id, cancelled=done.cancelled()))
        if not self._send(Submit(request_id, request)):
            self._fail([request_id], "the engine process died before this request reached it")
        return future

    def close(self) -> None:
        """End the engine's process; requests still in it fail."""
        self._closed.set()
        self._process.kill()
        self._process.join()
        self._reader.join(timeout=_CLOSE_LIMIT_S)
        self._ready.set()  # whoever waits for a restart is told at once that there is none

    def _start(self) -> tuple[BaseProcess, Connection, Loaded]:
        context = multiprocessing.get_context("spawn")  # a fork would inherit Celery's threads and locks
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._main, args=(theirs, self._config), name="bydawn-engine", daemon=True
        )
        process.start()
        theirs.close()  # so that its death is an end of file here
        try:
            answer = ours.recv()
        except EOFError:
            process.join()
            answer = LoadFailed(
                f"the engine process ended with code {process.exitcode} while loading the model"
            )
        if isinstance(answer, LoadFailed):
            process.join()
            ours.close()
            raise ModelError(answer.message)
        return process, ours, answer

    def _read_for_life(self) -> None:
        while not self._closed.is_set():
            try:
                self._receive(self._pipe.recv())
            except (EOFError, OSError):
                self._ready.clear()
                self._fail(list(self._pending), "the engine process died with this request in it")
                self._restart()
        self._process.kill()  # it may have been started while we were being closed
        self._process.join()
        self._pipe.close()

    def _receive(self, message: FromEngine) -> None:
        assert isinstance(message, Finished | Broken), message
        with self._lock:
            future = self._pending.get(message.request_id)
        if future is None or not future.set_running_or_notify_cancel():
            return
        match message:
            case Finished(_, result):
                future.set_result(result)
            case Broken(_, error):
                future.set_exception(error)

    def _restart(self) -> None:
        while not self._closed.wait(_RESTART_PAUSE_S):
            self._process.join()
            log.error("action=engine_restart exit_code=%s", self._process.exitcode)
            try:
                self._process, self._pipe, _ = self._start()
            except ModelError as error:
                log.error("action=engine_restart_failed error=%s", error)
                continue
            self._ready.set()
            return

    def _fail(self, request_ids: list[int], message: str) -> None:
        with self._lock:
            # Taken out under the lock, so that of two threads that see the same death one fails a request.
            futures = [self._pending.pop(request_id, None) for request_id in request_ids]
        for future in futures:
            if future is not None and future.set_running_or_notify_cancel():
                future.set_exception(EngineDied(message))

    def _forget(self, request_id: int, *, cancelled: bool) -> None:
        with self._lock:
            self._pending.pop(request_id, None)
        if cancelled:
            self._send(Cancel(request_id))

    def _send(self, message: Submit | Cancel) -> bool:
        try:
            with self._send_lock:
                self._pipe.send(message)
        except OSError:
            return False  # the reader sees the same end of the pipe and starts another engine
        return True
