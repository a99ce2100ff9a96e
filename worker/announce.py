"""A worker's sign of life, for `bydawn queues` and for how much is sent ahead."""

import logging

import redis

from jobs.ledger import Ledger
from worker.leases import Leases

log = logging.getLogger(__name__)

INTERVAL_S = 3.0
_LIFE_S = 10


class Announcer:
    """Tells the ledger that this worker lives and what it runs."""

    def __init__(self, ledger: Ledger, worker_id: str, alias: str, slots: int, leases: Leases) -> None:
        """`slots` is how many shards the worker runs at once."""
        self._ledger = ledger
        self._worker_id = worker_id
        self._alias = alias
        self._slots = slots
        self._leases = leases

    def tell(self) -> None:
        facts: dict[str, str | int | float] = {
            "worker": self._worker_id,
            "model": self._alias,
            "slots": self._slots,
            "running_shards": self._leases.num_held,
        }
        self._ledger.tell_worker(self._worker_id, facts, _LIFE_S)

    def forget(self) -> None:
        try:
            self._ledger.forget_worker(self._worker_id)
        except redis.RedisError as error:
            log.warning("action=forget_worker error=%s", error)
