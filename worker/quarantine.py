"""Run a shard that an engine has died with: alone, in an engine of its own, so that no other one suffers."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from engine import ModelError
from jobs.dead_letters import record_dead_letters
from jobs.ledger import Ledger
from jobs.manifest import Row
from jobs.outcome import Outcome
from jobs.stores import ObjectStore
from worker.engine_process import EngineUnavailable
from worker.model import Submits
from worker.rows import Watch
from worker.running_shard import RunningShard
from worker.suspect_rows import run_suspect_rows

log = logging.getLogger(__name__)

CLOSE_INTERVAL_S = 5.0
_LINGER_S = 30.0  # a suspect that was given back meanwhile comes again within three looks of the reconciler


class QuarantineBusy(Exception):
    """Another suspect shard is in this worker's quarantine."""


class ClosableEngine(Submits, Protocol):
    """An engine that can be ended."""

    def close(self) -> None: ...


class Quarantine:
    """One suspect shard at a time; the engine is started for the first and closed when no more come."""

    def __init__(
        self, store: ObjectStore, ledger: Ledger, start_engine: Callable[[], ClosableEngine]
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._start_engine = start_engine
        self._engine: ClosableEngine | None = None
        self._busy = threading.Lock()
        self._closed = threading.Event()
        self._used_at_s = 0.0

    def run(self, shard: RunningShard, rows: Sequence[Row], watch: Watch) -> list[Outcome]:
        """One outcome per row, in order; rows that killed the engine alone are on the dead-letter list.

        Raises:
            QuarantineBusy: another shard is in it.
            ModelError: there is no room for a second engine here; the shard is no longer a suspect.
            EngineError, StoreError: as `run_rows` does; of the EngineDied only EngineLostDevice.
        """
        if not self._busy.acquire(blocking=False):
            raise QuarantineBusy("another suspect shard is in this worker's quarantine")
        job_id, shard_no = shard.manifest.job_id, shard.shard_no
        try:
            log.warning("action=quarantine job=%s shard=%s rows=%s", job_id, shard_no, len(rows))
            kind = shard.kind_on(self._engine_for(job_id, shard_no))
            outcomes = shard.run(run_suspect_rows(rows, kind, shard.read_text, watch, shard.note))
        finally:
            self._used_at_s = time.monotonic()
            self._busy.release()
        # Before the part is there: a crash in between must not leave a dead row that is on no list.
        record_dead_letters(self._store, job_id, shard_no, outcomes, datetime.now(UTC))
        return outcomes

    def close_if_idle(self, linger_s: float = _LINGER_S) -> None:
        """End the engine if no suspect has come for so long."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            if time.monotonic() - self._used_at_s > linger_s:
                self._end_engine()
        finally:
            self._busy.release()

    def close(self) -> None:
        """Start no other engine and end the one there is; a shard that runs in it is given back."""
        self._closed.set()
        self._end_engine()

    def _end_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _engine_for(self, job_id: str, shard_no: int) -> Submits:
        try:
            engine = self._engine = self._engine or self._start_engine()
        except ModelError:
            # It runs with the others again, and every try counts: better than never to end.
            self._ledger.clear_suspicion(job_id, shard_no)
            raise
        if self._closed.is_set():
            self._end_engine()
            raise EngineUnavailable("the worker ends")
        return engine
