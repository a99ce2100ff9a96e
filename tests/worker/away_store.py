"""A store that goes away and comes back as told."""

from threading import Semaphore

from jobs.stores import MemoryStore, StoreUnavailable

_LIMIT_S = 10.0


class AwayStore(MemoryStore):
    """While it is away nothing can be read or written."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self._refusals = Semaphore(0)

    def wait_for_refusals(self, number: int) -> None:
        """Until so many more calls have been refused."""
        for _ in range(number):
            assert self._refusals.acquire(timeout=_LIMIT_S), "nobody asks for anything"

    def get(self, key: str) -> bytes | None:
        self._answer()
        return super().get(key)

    def exists(self, key: str) -> bool:
        self._answer()
        return super().exists(key)

    def put(self, key: str, body: bytes) -> None:
        self._answer()
        super().put(key, body)

    def create(self, key: str, body: bytes) -> bool:
        self._answer()
        return super().create(key, body)

    def _answer(self) -> None:
        if self.is_away:
            self._refusals.release()
            raise StoreUnavailable("the store is away")
