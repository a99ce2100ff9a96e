"""A submission under way: its marker says that it isn't whole, its lease that somebody is at it.

Who is killed in the middle of one leaves both behind, and the lease lapses. Who only sleeps, as laptops do,
may find on waking that all was removed, and must not make a job of the rest.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import TypeVar

import redis

from jobs import layout
from jobs.ledger import Ledger
from jobs.stores import ObjectStore

UNIT = "submit"
"""The unit of work that makes a job, beside its shards."""

LEASE_LIFE_S = 60
REMOVED = b"removed"
"""What the marker says once the removal has begun."""

_RENEW_INTERVAL_S = 15.0
T = TypeVar("T")


class SubmissionRemovedError(Exception):
    """What was there of it is gone."""


class Submission:
    """Of one job, by one process."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        job_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._job_id = job_id
        self._marker = layout.submitting_marker(job_id)
        self._owner = token_hex(8)
        self._clock = clock
        self._held_at_s = clock()

    def begin(self) -> None:
        # The lease first: a marker that nobody holds is another's to remove.
        self._hold()
        self._store.put(self._marker, b"")

    def kept(self, rows: Iterable[T]) -> Iterator[T]:
        """The same rows; while they come, the lease stays ours. Raises as `check` does."""
        for row in rows:
            if self._clock() - self._held_at_s > _RENEW_INTERVAL_S:
                self.check()
            yield row

    def check(self) -> None:
        """Make sure that nothing was removed of it, nor will be for as long as a lease lives.

        Raises:
            SubmissionRemovedError: it was.
        """
        is_ours = True
        with suppress(redis.RedisError):  # without Redis nobody removes anything
            is_ours = self._hold()
        if not is_ours or self._store.get(self._marker) != b"":
            raise SubmissionRemovedError(
                f"the submission of {self._job_id} stood still for a day, so it was taken for broken off and "
                "removed; submit it again"
            )

    def end(self) -> None:
        """The job has its open marker."""
        self._store.delete([self._marker])
        self._release()

    def drop(self) -> None:
        """Leave nothing of it."""
        self._store.delete([*self._store.list(layout.job_prefix(self._job_id))])
        self.end()

    def _hold(self) -> bool:
        self._held_at_s = self._clock()
        return self._ledger.hold(self._job_id, UNIT, self._owner, LEASE_LIFE_S)

    def _release(self) -> None:
        with suppress(redis.RedisError):
            self._ledger.release(self._job_id, UNIT, self._owner)
