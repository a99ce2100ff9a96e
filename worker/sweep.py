"""Sweep: now and then one worker removes what has been kept for long enough."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from jobs.ledger import Ledger
from jobs.remove import remove_broken_off, remove_older
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)

_DUTY = "sweep"


class Sweeper:
    """Removes ended jobs, and what submissions have left that were broken off a day ago or earlier."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        worker_id: str,
        interval_s: float,
        retention: timedelta | None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Ended jobs are kept for `retention`, or for ever; `is_stopping` ends a sweep between two jobs."""
        self._store = store
        self._ledger = ledger
        self._worker_id = worker_id
        self._interval_s = interval_s
        self._retention = retention
        self._is_stopping = is_stopping

    def sweep_if_leader(self) -> None:
        """One sweep, unless another worker does them."""
        if self._ledger.hold_duty(_DUTY, self._worker_id, life_s=max(2, round(self._interval_s * 1.5))):
            self.sweep(datetime.now(UTC))

    def sweep(self, now: datetime) -> None:
        for job_id in self._removed(now):
            log.info("action=sweep job=%s", job_id)
            if self._is_stopping():
                return  # what is left is removed by the next

    def _removed(self, now: datetime) -> Iterator[str]:
        yield from remove_broken_off(self._store, self._ledger, now)
        if self._retention is not None:
            yield from remove_older(self._store, self._ledger, now, self._retention)
