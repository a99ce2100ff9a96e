"""A part that the store doesn't take for now: kept on local disk, and tried until it is stored."""

import hashlib
import logging
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from jobs.stores import LocalStore, MemoryStore, ObjectStore, StoreError, StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

KEEP_INTERVAL_S = 1.0
_FIRST_PAUSE_S = 0.2
_MAX_PAUSE_S = 15.0
_KEY = re.compile(r"([^/]+)/(\d+)\.jsonl")


@dataclass(frozen=True, slots=True)
class SpooledPart:
    """A part that lies in the spool."""

    job_id: str
    shard_no: int

    @property
    def key(self) -> str:
        return f"{self.job_id}/{self.shard_no:08}.jsonl"


class _InHand:
    """A part that a thread is about to store; it comes on disk once, and not any more when it is stored."""

    def __init__(self, body: bytes, keep: Callable[[bytes], bool]) -> None:
        self._body = body
        self._keep = keep
        self._lock = threading.Lock()
        self._is_stored = False
        self.is_on_disk = False
        self.was_seen = False

    def keep(self) -> None:
        with self._lock:
            if not self._is_stored and not self.is_on_disk:
                self.is_on_disk = self._keep(self._body)

    def stored(self) -> None:
        with self._lock:
            self._is_stored = True


def spool_folder(root: Path, store: ObjectStore) -> ObjectStore:
    """Where parts wait that belong into `store`: the workers of several stores may share a root."""
    with suppress(OSError):  # without a disk, parts wait in memory
        root.mkdir(mode=0o700, parents=True, exist_ok=True)  # results are nobody else's to read
    return LocalStore(root / hashlib.sha256(store.uri.encode()).hexdigest()[:16])


class Spool:
    """Parts on their way to a store that is away; safe to share between threads.

    What lies on disk is saved work and no more: to drop it costs a repetition, never a result.
    """

    def __init__(
        self,
        disk: ObjectStore | None = None,
        stopping: threading.Event | None = None,
        *,
        on_try: Callable[[SpooledPart], None] = lambda _: None,
        first_pause_s: float = _FIRST_PAUSE_S,
        max_pause_s: float = _MAX_PAUSE_S,
    ) -> None:
        """Without a disk, parts wait in memory; `stopping`, once set, ends all waiting.

        `on_try` is told before each try to store a part, for that is progress of its lease.
        """
        self._disk = disk or MemoryStore()
        self._stopping = stopping or threading.Event()
        self._on_try = on_try
        self._first_pause_s = first_pause_s
        self._max_pause_s = max_pause_s
        self._in_hand: dict[SpooledPart, _InHand] = {}

    def until_stored(self, job_id: str, shard_no: int, body: bytes, store_it: Callable[[], T]) -> T:
        """Call `store_it` again and again until the store answers; meanwhile `body` is kept on disk.

        The caller's thread stays in here, and so does its shard's lease.

        Raises:
            StoreUnavailable: the worker stops first; the part waits on disk for the next one.
        """
        part = SpooledPart(job_id, shard_no)
        in_hand = self._in_hand[part] = _InHand(body, partial(self._keep, part))
        try:
            stored = self._until_stored(part, in_hand, store_it)
            in_hand.stored()
            if in_hand.is_on_disk:
                self.drop(part)
            return stored
        finally:
            self._in_hand.pop(part, None)

    def keep_slow(self) -> None:
        """Put on disk what was in hand at the last look already; to be called every `KEEP_INTERVAL_S`.

        A client may wait for minutes before it says that the store is away, and no drain waits for it.
        """
        for in_hand in list(self._in_hand.values()):
            if in_hand.was_seen:
                in_hand.keep()
            in_hand.was_seen = True

    def left_behind(self) -> Iterator[SpooledPart]:
        """What lies on disk and nobody in this process is about to store."""
        for key in list(self._disk.list("")):
            if match := _KEY.fullmatch(key):
                part = SpooledPart(match[1], int(match[2]))
                if part not in self._in_hand:
                    yield part

    def read(self, part: SpooledPart) -> bytes | None:
        return self._disk.get(part.key)

    def drop(self, part: SpooledPart) -> None:
        try:
            self._disk.delete([part.key])
        except StoreError as error:
            log.warning("action=drop_spooled part=%s error=%s", part.key, error)

    def _until_stored(self, part: SpooledPart, in_hand: _InHand, store_it: Callable[[], T]) -> T:
        pause_s = self._first_pause_s
        while True:
            self._on_try(part)
            try:
                return store_it()
            except StoreError as error:
                in_hand.keep()
                log.warning("action=spool part=%s on_disk=%s error=%s", part.key, in_hand.is_on_disk, error)
                # Spread, so that a store that comes back doesn't meet all workers at once.
                if self._stopping.wait(pause_s * random.uniform(0.5, 1.0)):  # noqa: S311
                    raise StoreUnavailable(f"{part.key} waits in the spool, for this worker stops") from error
            pause_s = min(2 * pause_s, self._max_pause_s)

    def _keep(self, part: SpooledPart, body: bytes) -> bool:
        try:
            self._disk.put(part.key, body)
        except StoreError as error:  # a full disk: memory holds the part for as long as we live
            log.warning("action=keep_in_memory part=%s error=%s", part.key, error)
            return False
        return True
