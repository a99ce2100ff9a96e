"""One of two who work on the same store, whose every look and every change waits for the test."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from jobs.stores import MemoryStore, ObjectStore


class Paced:
    """Somebody's work in a thread of its own: `step` lets it ask the store once more."""

    def __init__(
        self, pool: ThreadPoolExecutor, store: MemoryStore, work: Callable[[ObjectStore], str]
    ) -> None:
        self._may_go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self.asks = ""
        self.done: Future[str] = pool.submit(self._run, work, _PacedStore(store, self._wait))
        self._stands.acquire()

    def step(self) -> None:
        if self.asks:
            self._may_go.release()
            self._stands.acquire()

    def go_on_until(self, asks: str) -> None:
        """Until it is about to ask this of the store; to its end if it never is."""
        while self.asks and not self.asks.startswith(asks):
            self.step()

    def go_on(self) -> None:
        """To its end."""
        while self.asks:
            self.step()

    def _run(self, work: Callable[[ObjectStore], str], store: "_PacedStore") -> str:
        try:
            return work(cast("ObjectStore", store))
        finally:
            self.asks = ""
            self._stands.release()

    def _wait(self, asks: str) -> None:
        self.asks = asks
        self._stands.release()
        self._may_go.acquire()


class _PacedStore:
    def __init__(self, store: MemoryStore, wait: Callable[[str], None]) -> None:
        self.uri = store.uri
        self._store = store
        self._wait = wait

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*args: Any) -> Any:
            self._wait(f"{name} {args[0]}")
            return getattr(self._store, name)(*args)

        return ask
