"""Which shards this process runs, and their leases."""

import logging
import threading

import redis

from jobs.ledger import Ledger

log = logging.getLogger(__name__)


class Leases:
    """The worker's own table of running units: shards by number, and "finish".

    A lease lives `life_s` and is renewed every `renew_interval_s` for as long as this process lives, so
    that a killed worker's shards are free `life_s` later, and a long shard stays ours.
    """

    def __init__(self, ledger: Ledger, worker_id: str, life_s: int) -> None:
        self._ledger = ledger
        self._owner = worker_id
        self._life_s = life_s
        self._held: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @property
    def renew_interval_s(self) -> float:
        return self._life_s / 3

    @property
    def num_held(self) -> int:
        return len(self._held)

    def take(self, job_id: str, unit: str) -> bool:
        """False if this process runs the unit already, or another worker holds its lease."""
        with self._lock:
            if (job_id, unit) in self._held or not self._ledger.hold(job_id, unit, self._owner, self._life_s):
                return False
            self._held.add((job_id, unit))
            return True

    def release(self, job_id: str, unit: str) -> None:
        with self._lock:
            self._held.discard((job_id, unit))
        try:
            self._ledger.release(job_id, unit, self._owner)
        except redis.RedisError as error:
            log.warning("action=release_lease job=%s unit=%s error=%s", job_id, unit, error)

    def renew(self) -> None:
        """Renew every held lease, once.

        One may lapse while Redis is away; the conditional put of the part still decides.
        """
        with self._lock:
            held = list(self._held)
        for job_id, unit in held:
            if not self._ledger.hold(job_id, unit, self._owner, self._life_s):
                log.warning("action=lease_lost job=%s unit=%s", job_id, unit)
