"""One worker process from its start to its end, and what was done to it meanwhile."""

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import psutil

from tests.crash.bench import StubWorker

CANNOT_START = 2
# Celery says it when it listens and has its signal handlers in place.
READY = b" ready.\n"


EngineT = TypeVar("EngineT")


class EngineKills(Generic[EngineT]):
    """Which engines of one worker process may be killed without condemning a row.

    A row is poison when an engine has died twice while the row was alone in a worker's quarantine; a death
    from outside looks no different, and bydawn promises nothing else. So the engine that all shards share,
    the oldest, may be killed, and after that one more, once: the youngest, which is the quarantine's if there
    is one. No quarantine sees two deaths of ours.
    """

    def __init__(self, engines: Sequence[EngineT]) -> None:
        """`engines`, oldest first, as they are before anything was done to them."""
        self._shared = engines[0] if engines else None
        self._is_one_left = True

    def choose(self, engines: Sequence[EngineT]) -> EngineT | None:
        """The one to kill, of those there are now, oldest first."""
        if self._shared is not None and self._shared in engines:
            return self._shared
        if not engines or not self._is_one_left:
            return None
        self._is_one_left = False
        return engines[-1]


class Life:
    """Knows which ends of its process somebody wanted."""

    def __init__(self, worker: StubWorker, log_begins_at: int) -> None:
        self._worker = worker
        self._process = worker.process
        self._log_begins_at = log_begins_at
        self._told_to_stop = False
        self._was_killed = False
        self._engine_kills: EngineKills[psutil.Process] | None = None
        self._is_ready = False

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it takes work, and knows what to do when it is told to stop."""
        if not self._is_ready and READY in self._said:
            self._engine_kills = EngineKills(self._engines)
            self._is_ready = True
        return self._is_ready and self.is_running

    def wait(self, timeout_s: float | None = None) -> int:
        """Until its end; returns the exit code, or raises TimeoutExpired."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        self._was_killed = True
        self._process.kill()

    def stop(self) -> None:
        self._told_to_stop = True
        self._process.terminate()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill_engine(self) -> bool:
        """Kill one of its engines, if `EngineKills` allows it; False if it doesn't, or there is none."""
        assert self._engine_kills is not None, "ready"
        engine = self._engine_kills.choose(self._engines)
        if engine is None:
            return False
        with suppress(psutil.NoSuchProcess):
            engine.kill()
        return True

    def complaint(self, code: int) -> str | None:
        """Why this end was none that anybody wanted; None if it was."""
        if (self._was_killed and code == -signal.SIGKILL) or (self._told_to_stop and code == 0):
            return None
        if code == CANNOT_START and not self._is_ready:
            return None  # Redis or the store was away when it looked
        tail = self._said[-2000:].decode(errors="replace")
        return f"{self._worker.log.stem} (pid {self._process.pid}) ended with {code}:\n{tail}"

    @property
    def _engines(self) -> Sequence[psutil.Process]:
        """Its children that `multiprocessing` has spawned, oldest first."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children()
            engines = [child for child in children if _is_engine(child)]
            return sorted(engines, key=lambda child: child.create_time())
        return []

    @property
    def _said(self) -> bytes:
        with self._worker.log.open("rb") as log:
            log.seek(self._log_begins_at)
            return log.read()


def _is_engine(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "--multiprocessing-fork" in process.cmdline()
    return False
