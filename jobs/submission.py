"""A submission under way: its marker says that it isn't whole, its lease that somebody is at it.

Who is killed in the middle of one leaves both behind, and the lease lapses. Who only sleeps, as laptops do,
may find on waking that all was removed, and must not make a job of the rest. Whatever the two do between each
other's steps:

    submitter: shards, looks at the marker, manifest, looks again, key, open marker, looks for a removal
    removal:   looks for the open marker, marks the submission as removed, looks again, manifest, all the rest

A removal that has begun when the submitter looks again, he sees then. One that begins later takes the
manifest, which nobody writes anew; and of the open marker and the mark at least one is seen by the other
side. A removal that sees the open marker has taken nothing, and lets the job be. A submitter who sees the
mark, or no manifest, takes back all that he wrote, again the manifest first: who dies at that leaves an open
marker without a manifest, which the reconciler drops, and a remnant, which the sweep does.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import TypeVar

import redis

from jobs import layout
from jobs.idempotency import free_key
from jobs.late import reopen
from jobs.ledger import Ledger
from jobs.stores import ObjectStore

UNIT = "submit"
"""The unit of work that makes a job, beside its shards."""

LEASE_LIFE_S = 60

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
        key_digest: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._job_id = job_id
        self._key_digest = key_digest
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
            raise self._removed()

    def open(self) -> None:
        """Let workers find the job, whose manifest was there at the last check. Raises as `check` does."""
        if not reopen(self._store, self._job_id):
            self.drop()
            raise self._removed()
        self._end()

    def drop(self) -> None:
        """Leave nothing of it."""
        if self._key_digest is not None:
            free_key(self._store, self._key_digest, self._job_id)
        self._store.delete([layout.manifest(self._job_id)])
        self._store.delete([*self._store.list(layout.job_prefix(self._job_id))])
        self._end()

    def _end(self) -> None:
        self._store.delete([self._marker])
        self._release()

    def _removed(self) -> SubmissionRemovedError:
        return SubmissionRemovedError(
            f"the submission of {self._job_id} stood still for a day, so it was taken for broken off and "
            "removed; submit it again"
        )

    def _hold(self) -> bool:
        self._held_at_s = self._clock()
        return self._ledger.hold(self._job_id, UNIT, self._owner, LEASE_LIFE_S)

    def _release(self) -> None:
        with suppress(redis.RedisError):
            self._ledger.release(self._job_id, UNIT, self._owner)
