"""Which shards this process runs, and their leases."""

import logging
import threading
import time
from collections.abc import Callable

import redis

from jobs.ledger import Ledger
from worker.activity import Activity, is_stalled

log = logging.getLogger(__name__)

STALL_LIMIT_S = 600.0

Unit = tuple[str, str]
"""A job, and the number of a shard of it or "finish"."""


class Leases:
    """The worker's own table of running units.

    A lease lives `life_s` and is renewed every `renew_interval_s` while its unit makes progress of any
    kind: a killed worker's shards are free `life_s` later, a wedged one's after `stall_limit_s` more, and a
    long shard stays ours. What is in the table is never taken again, whatever became of its lease.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker_id: str,
        life_s: int,
        stall_limit_s: float = STALL_LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._owner = worker_id
        self._life_s = life_s
        self._stall_limit_s = stall_limit_s
        self._clock = clock
        self._held: dict[Unit, Activity] = {}
        # Two locks: progress is told from event loops, which must not wait for Redis. Calls to it are
        # made one at a time, or a renewal could bring back a lease that was just given up.
        self._lock = threading.Lock()
        self._ledger_lock = threading.Lock()

    @property
    def renew_interval_s(self) -> float:
        return self._life_s / 3

    @property
    def num_held(self) -> int:
        return len(self._held)

    @property
    def held(self) -> list[Unit]:
        with self._lock:
            return list(self._held)

    def take(self, job_id: str, unit: str) -> bool:
        """False if this process runs the unit already, or another worker holds its lease."""
        with self._ledger_lock:
            if (job_id, unit) in self._held or not self._ledger.hold(job_id, unit, self._owner, self._life_s):
                return False
            with self._lock:
                self._held[job_id, unit] = Activity(self._clock())
            return True

    def release(self, job_id: str, unit: str) -> None:
        """Give up a unit; one that isn't held is left alone."""
        with self._ledger_lock:
            with self._lock:
                if self._held.pop((job_id, unit), None) is None:
                    return
            try:
                self._ledger.release(job_id, unit, self._owner)
            except redis.RedisError as error:
                log.warning("action=release_lease job=%s unit=%s error=%s", job_id, unit, error)

    def progressed(self, job_id: str, unit: str) -> None:
        """The unit did something: read a text, finished a row, tried to store."""
        with self._lock:
            if (activity := self._held.get((job_id, unit))) is not None:
                activity.last_s = self._clock()

    def asked(self, job_id: str, unit: str) -> None:
        """The unit waits for one more answer of the engine."""
        with self._lock:
            if (activity := self._held.get((job_id, unit))) is not None:
                activity.num_asked += 1
                activity.last_s = self._clock()

    def answered(self, job_id: str, unit: str) -> None:
        with self._lock:
            if (activity := self._held.get((job_id, unit))) is not None:
                activity.num_asked -= 1
                activity.last_s = self._clock()

    def renew(self) -> None:
        """Renew the lease of every held unit that makes progress, once.

        One may lapse while Redis is away; the conditional put of the part still decides.
        """
        for unit in self.held:
            if self._is_stalled(unit):
                log.warning("action=lease_stalled job=%s unit=%s limit_s=%s", *unit, self._stall_limit_s)
            else:
                self._renew(unit)

    def _renew(self, unit: Unit) -> None:
        with self._ledger_lock:
            if unit not in self._held:
                return
            try:
                if not self._ledger.hold(*unit, self._owner, self._life_s):
                    log.warning("action=lease_lost job=%s unit=%s", *unit)
            except redis.RedisError as error:  # which costs this renewal, and not the next unit's
                log.warning("action=renew_lease job=%s unit=%s error=%s", *unit, error)

    def _is_stalled(self, unit: Unit) -> bool:
        with self._lock:
            activity = self._held.get(unit)
            return activity is not None and is_stalled(activity, self._clock(), self._stall_limit_s)
