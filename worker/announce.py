"""A worker's sign of life, for `bydawn queues` and for how much is sent ahead."""

import logging
from collections.abc import Callable

import redis

from jobs.ledger import Ledger
from worker.engine_life import EngineLife
from worker.leases import Leases

log = logging.getLogger(__name__)

INTERVAL_S = 3.0
_LIFE_S = 10


class Announcer:
    """Tells the ledger that this worker lives and what it runs."""

    def __init__(
        self,
        ledger: Ledger,
        worker_id: str,
        alias: str,
        slots: int,
        leases: Leases,
        life: Callable[[], EngineLife] = EngineLife,
    ) -> None:
        """`slots` is how many shards the worker runs at once, `life` tells of its engine."""
        self._ledger = ledger
        self._worker_id = worker_id
        self._alias = alias
        self._slots = slots
        self._leases = leases
        self._life = life

    def tell(self) -> None:
        life = self._life()
        end = life.last_end
        facts: dict[str, str | int | None] = {
            "worker": self._worker_id,
            "model": self._alias,
            "slots": self._slots,
            "running_shards": self._leases.num_held,
            "engine_restarts": life.num_restarts,
            "engine_outage": life.outage,
            "last_engine_end": None if end is None else end.reason,
            "last_engine_end_at": None if end is None else end.at.isoformat(timespec="seconds"),
        }
        self._ledger.tell_worker(self._worker_id, facts, _LIFE_S)

    def forget(self) -> None:
        try:
            self._ledger.forget_worker(self._worker_id)
        except redis.RedisError as error:
            log.warning("action=forget_worker error=%s", error)
