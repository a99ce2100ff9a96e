"""Sweep: now and then one worker removes what has been kept for long enough."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from jobs.ledger import Ledger
from jobs.remove import remove_broken_off, remove_older
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)

# One each: a worker without a retention must not keep those that have one from removing ended jobs.
_BROKEN_OFF = "remove-broken-off"
_OLDER = "remove-older"


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
        """One sweep of what no other worker sweeps."""
        life_s = max(2, round(self._interval_s * 1.5))
        self._sweep_where(
            lambda duty: self._ledger.hold_duty(duty, self._worker_id, life_s), datetime.now(UTC)
        )

    def sweep(self, now: datetime) -> None:
        self._sweep_where(lambda _: True, now)

    def give_up_duties(self) -> None:
        """Let other workers sweep from now on."""
        for duty in (_BROKEN_OFF, _OLDER):
            self._ledger.release_duty(duty, self._worker_id)

    def _sweep_where(self, is_ours: Callable[[str], bool], now: datetime) -> None:
        for duty, removed in self._halves(now).items():
            try:
                if is_ours(duty) and not self._sweep_half(removed):
                    return
            except Exception as error:  # whatever is wrong with one half, the other must go all the same
                log.error("action=sweep duty=%s error=%s: %s", duty, type(error).__name__, error)

    def _sweep_half(self, removed: Iterator[str]) -> bool:
        """False if the worker stops first: what is left is removed by the next."""
        for job_id in removed:
            log.info("action=sweep job=%s", job_id)
            if self._is_stopping():
                return False
        return True

    def _halves(self, now: datetime) -> dict[str, Iterator[str]]:
        """By duty; nothing is removed before it is asked for."""
        halves = {_BROKEN_OFF: remove_broken_off(self._store, self._ledger, now)}
        if self._retention is not None:
            halves[_OLDER] = remove_older(self._store, self._ledger, now, self._retention)
        return halves
