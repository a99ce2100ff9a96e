"""Take a shard, run its rows, settle it."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from functools import partial

import redis

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Row
from jobs.outcome import Counts, Outcome, Status
from jobs.papers import read_manifest
from jobs.shards import CorruptObjectError, decode_shard
from jobs.stores import ObjectStore
from worker.checkpoints import Checkpoints
from worker.drain import Drain, DrainOver
from worker.leases import Leases
from worker.model import Model
from worker.quarantine import Quarantine
from worker.retry import Decision, OtherModelError, code_of, counts_as_attempt, decide, reason_for_log
from worker.rows import run_rows
from worker.running_shard import RunningShard
from worker.settle import Settler
from worker.shard_memory import ShardMemory

log = logging.getLogger(__name__)


class ShardRunner:
    """Runs shards, one call a message, several at once in threads."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        leases: Leases,
        settler: Settler,
        model: Model,
        quarantine: Quarantine,
        checkpoints: Checkpoints,
        drain: Drain,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._leases = leases
        self._settler = settler
        self._model = model
        self._quarantine = quarantine
        self._checkpoints = checkpoints
        self._drain = drain

    def run(self, job_id: str, shard_no: int) -> None:
        """Bring the shard to its end, or leave it to the reconciler. Never raises for a shard's sake."""
        unit = str(shard_no)
        if self._drain.has_begun:
            self._drain.send_again(job_id, unit)
            return
        try:
            if not self._leases.take(job_id, unit):
                return  # it runs already; should that worker die, the reconciler sends the shard again
        except redis.RedisError as error:
            log.warning("action=take job=%s shard=%s error=%s", job_id, shard_no, error)
            return
        try:
            self._run_held(job_id, shard_no)
        except DrainOver:
            self._drain.give_back(job_id, unit)
        except Exception as error:
            self._after_error(job_id, shard_no, error)
        finally:
            self._leases.release(job_id, unit)

    def _run_held(self, job_id: str, shard_no: int) -> None:
        manifest = read_manifest(self._store, job_id)
        if self._settler.adopt(manifest, shard_no):
            return
        if manifest.model.fingerprint != self._model.fingerprint:
            raise OtherModelError(
                f"job {job_id} was promised model {manifest.model.fingerprint}, this worker has "
                f"{self._model.fingerprint}"
            )
        rows = self._read_rows(manifest, shard_no)
        stopped = self._stopped(manifest, self._store.exists(layout.cancel(job_id)))
        with self._checkpoints.opened(job_id, shard_no) as memory:
            done = memory.outcomes
            left = [row for row in rows if row.id not in done]
            ended = (
                [Outcome.stopped(row.id, stopped) for row in left]
                if stopped is not None
                else self._run_rows(manifest, shard_no, left, memory)
            )
            outcomes = done | {outcome.id: outcome for outcome in ended}
            self._settler.settle(manifest, shard_no, [outcomes[row.id] for row in rows])

    def _run_rows(
        self, manifest: Manifest, shard_no: int, rows: list[Row], memory: ShardMemory
    ) -> list[Outcome]:
        shard = RunningShard(manifest, shard_no, memory, self._leases, self._model, self._store)
        watch = partial(self._watch, manifest, shard_no, Counts.of(memory.outcomes.values()))
        if self._ledger.is_suspect(manifest.job_id, shard_no):
            return self._quarantine.run(shard, rows, watch)
        kind = shard.kind_on(self._model.engine)
        return asyncio.run(run_rows(rows, kind, shard.read_text, watch, shard.note))

    def _watch(self, manifest: Manifest, shard_no: int, before: Counts, counts: Counts) -> Status | None:
        if self._drain.over.is_set():
            raise DrainOver
        cancelled = False
        # Progress is for show, and a Redis that is away must not stop work that is under way.
        with contextlib.suppress(redis.RedisError):
            self._ledger.report_progress(manifest.job_id, shard_no, before + counts)
            cancelled = self._ledger.is_stopped(manifest.job_id)
        return self._stopped(manifest, cancelled)

    def _stopped(self, manifest: Manifest, cancelled: bool) -> Status | None:
        if cancelled:
            return Status.CANCELLED
        if manifest.deadline is not None and datetime.now(UTC) >= manifest.deadline:
            return Status.EXPIRED
        return None

    def _read_rows(self, manifest: Manifest, shard_no: int) -> list[Row]:
        if (body := self._store.get(layout.shard(manifest.job_id, shard_no))) is None:
            raise CorruptObjectError(f"shard {shard_no} of job {manifest.job_id} is not in the store")
        return decode_shard(body, manifest.job_id, shard_no)

    def _after_error(self, job_id: str, shard_no: int, error: Exception) -> None:
        try:
            self._ledger.forget_progress(job_id, shard_no)
            attempts = self._ledger.count_attempt(job_id, shard_no) if counts_as_attempt(error) else 0
            decision = decide(error, attempts)
            log.warning(
                "action=%s job=%s shard=%s attempts=%s code=%s error=%s: %s",
                decision, job_id, shard_no, attempts, reason_for_log(error), type(error).__name__, error,
            )  # fmt: skip
            if decision is Decision.SUSPECT:
                self._ledger.suspect(job_id, shard_no)
            if decision is Decision.FAIL_ROWS:
                self._fail_rows(job_id, shard_no, error)
        except Exception:
            # Nothing more can be done here and now; the lease goes, and the reconciler sees to it.
            log.exception("action=give_up job=%s shard=%s", job_id, shard_no)

    def _fail_rows(self, job_id: str, shard_no: int, error: Exception) -> None:
        manifest = read_manifest(self._store, job_id)
        try:
            row_ids = [row.id for row in self._read_rows(manifest, shard_no)]
        except CorruptObjectError:
            row_ids = [f"shard {shard_no}, row {row_no}" for row_no in range(manifest.shard_rows[shard_no])]
        message = f"the whole shard broke: {type(error).__name__}: {error}"
        done = self._checkpoints.read(job_id, shard_no).outcomes
        outcomes = [done.get(row_id) or Outcome.failed(row_id, code_of(error), message) for row_id in row_ids]
        self._settler.settle(manifest, shard_no, outcomes)
