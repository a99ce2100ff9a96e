"""The engine's own process: a native crash here costs the worker nothing but these requests."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from multiprocessing.connection import Connection

from engine import DeviceLost, EngineClosed, EngineConfig, EngineError, Request
from worker.engine_log import send_logs
from worker.engine_messages import (
    Broken,
    Cancel,
    DeviceGone,
    Finished,
    FromEngine,
    Loaded,
    LoadFailed,
    Result,
    Stepped,
    Submit,
    ToEngine,
)

log = logging.getLogger("engine.process")

DEVICE_LOST_EXIT_CODE = 3
_TELL_INTERVAL_S = 1.0


def main(pipe: Connection, config: EngineConfig) -> None:
    """Load the model, then serve requests until the other end of the pipe is gone."""
    # A terminal's Ctrl-C and a container's stop reach us too, but when to end is the worker's decision.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    from transformers.utils.logging import disable_progress_bar

    from engine import open_engine

    disable_progress_bar()  # it would be drawn into a log
    shared = SharedPipe(pipe)
    send_logs(shared.send)
    try:
        engine = open_engine(config)
    except Exception as error:
        if not isinstance(error, EngineError):  # the memory of a GPU, or a defect: the trace tells which
            log.exception("the engine could not be made")
        shared.send(LoadFailed(str(error) or repr(error)))
        return
    shared.send(
        Loaded(engine.fingerprint, engine.max_model_len, engine.num_layers, engine.abilities, engine.runs_on)
    )
    Desk(shared, engine.submit, lambda: engine.stats().steps).serve()


class SharedPipe:
    """Our end of the pipe, for all threads that have something to say; where nobody listens, we end."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def receive(self) -> ToEngine:
        try:
            message: ToEngine = self._pipe.recv()
        except (EOFError, OSError):
            # The worker is dead. Nobody wants the answers; an orderly end would only delay this one.
            os._exit(1)
        return message

    def send(self, message: FromEngine) -> None:
        try:
            with self._lock:
                self._pipe.send(message)
        except OSError:
            os._exit(1)


class Desk:
    """Hands requests in and results out, and tells of every step."""

    def __init__(
        self,
        pipe: SharedPipe,
        submit: Callable[[Request], Future[Result]],
        num_steps: Callable[[], int],
        tell_interval_s: float = _TELL_INTERVAL_S,
    ) -> None:
        self._pipe = pipe
        self._submit = submit
        self._num_steps = num_steps
        self._tell_interval_s = tell_interval_s
        self._futures: dict[int, Future[Result]] = {}

    def serve(self) -> None:
        # From a thread of its own: the engine's may be busy in a long step.
        threading.Thread(target=self._tell_for_life, name="steps", daemon=True).start()
        while True:
            match self._pipe.receive():
                case Submit() as message:
                    self._take(message)
                case Cancel(request_id) if (future := self._futures.get(request_id)) is not None:
                    future.cancel()

    def _tell_for_life(self) -> None:
        while True:
            self._pipe.send(Stepped(self._num_steps()))
            time.sleep(self._tell_interval_s)

    def _take(self, message: Submit) -> None:
        request_id = message.request_id
        try:
            future = self._submit(message.request)
        except EngineError as error:
            self._give_error(request_id, error)
            return
        self._futures[request_id] = future
        future.add_done_callback(lambda done: self._give(request_id, done))

    def _give(self, request_id: int, done: Future[Result]) -> None:
        self._futures.pop(request_id, None)
        try:
            self._pipe.send(Finished(request_id, done.result()))
        except CancelledError:
            pass  # the worker cancelled it and has forgotten it
        except EngineError as error:
            self._give_error(request_id, error)

    def _give_error(self, request_id: int, error: EngineError) -> None:
        """Tell it, or end with the engine, whose thread is dead: then the worker starts another one."""
        if isinstance(error, DeviceLost):
            # Before the end, so that the worker knows of it as soon as of the end.
            self._pipe.send(DeviceGone(str(error).partition("\n")[0]))
            os._exit(DEVICE_LOST_EXIT_CODE)
        if isinstance(error, EngineClosed):
            os._exit(1)
        self._pipe.send(Broken(request_id, error))
