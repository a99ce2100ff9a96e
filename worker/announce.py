"""A worker's sign of life, for `bydawn queues`."""

import logging
import threading

import redis

from jobs.ledger import Ledger
from worker.leases import Leases

log = logging.getLogger(__name__)

_INTERVAL_S = 3.0
_LIFE_S = 10


class Announcer:
    """Tells the ledger, every few seconds, that this worker lives and what it runs."""

    def __init__(self, ledger: Ledger, worker_id: str, alias: str, leases: Leases) -> None:
        self._ledger = ledger
        self._worker_id = worker_id
        self._alias = alias
        self._leases = leases
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._tell_for_life, name="announcer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        try:
            self._ledger.forget_worker(self._worker_id)
        except redis.RedisError as error:
            log.warning("action=forget_worker error=%s", error)

    def _tell_for_life(self) -> None:
        while True:
            try:
                self._tell()
            except redis.RedisError as error:
                log.warning("action=tell_worker error=%s", error)
            if self._closed.wait(_INTERVAL_S):
                return

    def _tell(self) -> None:
        facts: dict[str, str | int | float] = {
            "worker": self._worker_id,
            "model": self._alias,
            "running_shards": self._leases.num_held,
        }
        self._ledger.tell_worker(self._worker_id, facts, _LIFE_S)
