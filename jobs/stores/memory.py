"""A store for tests: the whole contract in a dict."""

import io
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import BinaryIO

from jobs.stores.base import ObjectMissing
from jobs.stores.keys import checked_key, checked_prefix
from jobs.stores.probing import prove_conditional_create


class MemoryStore:
    """Objects in this process's memory, gone with it."""

    def __init__(self, name: str = "store") -> None:
        self.uri = f"memory://{name}"
        self._lock = Lock()
        self._objects: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self._objects.get(checked_key(key))

    def open(self, key: str) -> BinaryIO:
        if (body := self.get(key)) is None:
            raise ObjectMissing(f"{self.uri} has no object {key!r}")
        return io.BytesIO(body)

    def put(self, key: str, body: bytes) -> None:
        with self._lock:
            self._objects[checked_key(key)] = bytes(body)

    def create(self, key: str, body: bytes) -> bool:
        with self._lock:
            if checked_key(key) in self._objects:
                return False
            self._objects[key] = bytes(body)
            return True

    def upload(self, key: str, chunks: Iterable[bytes]) -> int:
        body = b"".join(chunks)
        self.put(key, body)
        return len(body)

    def exists(self, key: str) -> bool:
        return checked_key(key) in self._objects

    def list(self, prefix: str) -> Iterator[str]:
        checked_prefix(prefix)
        with self._lock:
            keys = sorted(key for key in self._objects if key.startswith(prefix))
        return iter(keys)

    def folders(self, prefix: str) -> Iterator[str]:
        below = (key.removeprefix(prefix) for key in self.list(prefix))
        return iter(sorted({rest.partition("/")[0] for rest in below if "/" in rest}))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            with self._lock:
                self._objects.pop(checked_key(key), None)

    def delete_if(self, key: str, body: bytes) -> None:
        with self._lock:
            if self._objects.get(checked_key(key)) == body:
                del self._objects[key]

    def probe(self) -> None:
        prove_conditional_create(self)
