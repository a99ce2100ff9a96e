"""What every object store promises, and how it fails."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol


class StoreError(Exception):
    """A store that cannot do what was asked; the message says what to do about it.

    StoreError
    ├── InvalidKey         the key or address was refused before anything was sent
    ├── ObjectMissing      there is no object under that key
    ├── ObjectChanged      the object is not the version that was asked for
    ├── AccessDenied       whoever asks is known, and may not do this
    └── StoreUnavailable   no answer for now: the same call may work later
    """


class InvalidKey(StoreError):
    """A key or an address that no store accepts."""


class ObjectMissing(StoreError):
    """There is no object under that key."""


class ObjectChanged(StoreError):
    """The object has been replaced since its version was recorded."""


class AccessDenied(StoreError):
    """The store knows who asks, and does not let them."""


class StoreUnavailable(StoreError):
    """The store did not answer, or asked to be left alone for a while: worth another try."""


class ObjectStore(Protocol):
    """Whole objects under `/`-separated keys; safe to share between threads.

    Every method raises `InvalidKey` for a key that leads outside the store, and `StoreError` (or
    `StoreUnavailable`) where the store fails.
    """

    @property
    def uri(self) -> str:
        """The address that `open_store` takes; it never holds a secret."""

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is no such object."""

    def open(self, key: str) -> BinaryIO:
        """A buffered stream over the object; raises `ObjectMissing`."""

    def put(self, key: str, body: bytes) -> None:
        """Write the object whole or not at all, replacing what was there."""

    def create(self, key: str, body: bytes) -> bool:
        """Write the object unless the key exists already: of any number of racing calls one gets True."""

    def upload(self, key: str, chunks: Iterable[bytes]) -> int:
        """Write an object of unknown size, whole or not at all, and return its size in bytes.

        What `chunks` raises comes out unchanged, and the object stays as it was.
        """

    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that start with `prefix`, streamed in the order of their UTF-8 bytes.

        Some S3 servers sort a folder as its name without the `/`: `a/b` before `a.txt`.
        """

    def folders(self, prefix: str) -> Iterator[str]:
        """The names directly below `prefix` (which ends with `/`) that have keys below them, in order."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the objects; missing ones are fine."""

    def delete_if(self, key: str, body: bytes) -> None:
        """Remove the object if it is this one; another one, or none, is fine.

        What somebody creates after another call like this one removed the old object stays. So it is on S3
        where the server honours `If-Match` when it deletes (AWS, SeaweedFS and Ceph do); elsewhere the object
        is compared right before.
        """

    def probe(self) -> None:
        """Prove that the store is writable and `create` conditional, else raise with the remedy."""
