"""Take a shard, run its rows, settle it."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from functools import partial

import redis

from jobs import layout
from jobs.control import read_controls
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Row
from jobs.outcome import Outcome
from jobs.papers import read_manifest
from jobs.shards import CorruptObjectError, decode_shard
from jobs.stores import ObjectStore
from worker.halted import GivenBack, halted_outcome
from worker.kinds import make_kind
from worker.leases import Leases
from worker.model import Model
from worker.quarantine import Quarantine
from worker.retry import Decision, OtherModelError, code_of, counts_as_attempt, decide, reason_for_log
from worker.row_text import RowTexts
from worker.rows import Watch, run_rows
from worker.settle import Settler
from worker.watch import ShardWatch

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
        texts: RowTexts,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._leases = leases
        self._settler = settler
        self._model = model
        self._quarantine = quarantine
        self._texts = texts

    def run(self, job_id: str, shard_no: int) -> None:
        """Bring the shard to its end, or leave it to the reconciler. Never raises for a shard's sake."""
        unit = str(shard_no)
        try:
            if not self._leases.take(job_id, unit):
                return  # it runs already; should that worker die, the reconciler sends the shard again
        except redis.RedisError as error:
            log.warning("action=take job=%s shard=%s error=%s", job_id, shard_no, error)
            return
        try:
            self._run_held(job_id, shard_no)
        except GivenBack as given_back:
            self._give_back(job_id, shard_no, given_back)
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
        controls = read_controls(self._store, manifest)
        if (halt := controls.halt(datetime.now(UTC))) is None:
            watch = ShardWatch(self._store, self._ledger, manifest, shard_no, controls)
            outcomes = self._run_rows(manifest, shard_no, rows, watch.look)
        else:
            outcomes = [halted_outcome(row.id, halt) for row in rows]
        self._settler.settle(manifest, shard_no, outcomes)

    def _run_rows(self, manifest: Manifest, shard_no: int, rows: list[Row], watch: Watch) -> list[Outcome]:
        read_text = partial(self._texts.read, manifest.job_id)
        if self._ledger.is_suspect(manifest.job_id, shard_no):
            return self._quarantine.run(manifest, shard_no, rows, read_text, watch)
        return asyncio.run(run_rows(rows, make_kind(manifest.spec, self._model), read_text, watch))

    def _give_back(self, job_id: str, shard_no: int, given_back: GivenBack) -> None:
        """Leave the shard for later: whoever resumes the job, or the reconciler, sends it again."""
        log.info("action=give_back job=%s shard=%s reason=%s", job_id, shard_no, given_back)
        with contextlib.suppress(redis.RedisError):
            self._ledger.forget_progress(job_id, shard_no)

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
        outcomes = [Outcome.failed(row_id, code_of(error), message) for row_id in row_ids]
        self._settler.settle(manifest, shard_no, outcomes)
