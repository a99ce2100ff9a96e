"""Take a shard, run its rows, settle it."""

import contextlib
import logging
from datetime import UTC, datetime
from itertools import chain, islice, repeat

import redis

from jobs import layout
from jobs.control import Halt, read_controls
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Row
from jobs.outcome import Counts, Outcome
from jobs.papers import read_manifest
from jobs.shards import CorruptObjectError, decode_shard, salvaged_rows
from jobs.stores import ObjectStore
from worker.checkpoints import Checkpoints
from worker.drain import Drain, DrainOver
from worker.engine_process import EngineLostDevice
from worker.halted import GivenBack, halted_outcome
from worker.heads import Heads
from worker.job_prior import JobPriors
from worker.leases import Leases
from worker.model import Model
from worker.outage import Outage
from worker.quarantine import Quarantine
from worker.retry import Decision, OtherModelError, code_of, counts_as_attempt, decide, reason_for_log
from worker.row_text import RowTexts
from worker.rows import Watch, run_rows
from worker.running_shard import RunningShard
from worker.settle import Settler
from worker.shard_memory import ShardMemory
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
        checkpoints: Checkpoints,
        drain: Drain,
        texts: RowTexts,
        outage: Outage = Outage(),  # noqa: B008 (a frozen value)
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._leases = leases
        self._settler = settler
        self._model = model
        self._quarantine = quarantine
        self._checkpoints = checkpoints
        self._drain = drain
        self._texts = texts
        self._outage = outage
        self._heads = Heads(store)
        self._priors = JobPriors(store)

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
        except GivenBack as given_back:
            self._give_back(job_id, shard_no, given_back)
        except DrainOver:
            self._drain.give_back(job_id, unit)
        except Exception as error:
            self._after_error(job_id, shard_no, error)
        finally:
            self._leases.release(job_id, unit)
            # Without the lease: another worker may have the shard, and we don't take the next one at once.
            self._outage.wait(lambda: self._drain.has_begun)

    def _run_held(self, job_id: str, shard_no: int) -> None:
        manifest = read_manifest(self._store, job_id)
        if self._settler.adopt(manifest, shard_no):
            return
        controls = read_controls(self._store, manifest)
        halt = controls.halt(datetime.now(UTC))
        if halt is None:  # what is stopped needs no model, and the promised one may never come again
            self._check_model(manifest)
            self._outage.refuse()
        rows = self._read_rows(manifest, shard_no)
        with self._checkpoints.opened(job_id, shard_no) as memory:
            done = memory.outcomes
            left = [row for row in rows if row.id not in done]
            if halt is None:
                watch = ShardWatch(self._store, self._ledger, manifest, shard_no, controls)
                ended = self._run_rows(manifest, shard_no, left, memory, watch)
            else:
                ended = [halted_outcome(row.id, halt) for row in left]
            outcomes = done | {outcome.id: outcome for outcome in ended}
            self._settler.settle(manifest, shard_no, [outcomes[row.id] for row in rows])

    def _check_model(self, manifest: Manifest) -> None:
        if manifest.model.fingerprint != self._model.fingerprint:
            raise OtherModelError(
                f"job {manifest.job_id} was promised model {manifest.model.fingerprint}, this worker has "
                f"{self._model.fingerprint}"
            )

    def _run_rows(
        self, manifest: Manifest, shard_no: int, rows: list[Row], memory: ShardMemory, watch: ShardWatch
    ) -> list[Outcome]:
        shard = RunningShard(
            manifest, shard_no, memory, self._leases, self._model, self._texts, self._heads, self._priors
        )
        look = self._until_drained(watch.look, Counts.of(memory.outcomes.values()))
        if self._ledger.is_suspect(manifest.job_id, shard_no):
            return self._quarantine.run(shard, rows, look)
        kind = shard.kind_on(self._model.engine)
        return shard.run(run_rows(rows, kind, shard.read_text, look, shard.note))

    def _until_drained(self, watch: Watch, before: Counts) -> Watch:
        """The watch of a shard of which so much was done before."""

        def look(counts: Counts) -> Halt | None:
            if self._drain.over.is_set():
                raise DrainOver
            return watch(before + counts)

        return look

    def _give_back(self, job_id: str, shard_no: int, given_back: GivenBack) -> None:
        """Leave the shard for later: whoever resumes the job, or the reconciler, sends it again."""
        log.info("action=give_back job=%s shard=%s reason=%s", job_id, shard_no, given_back)
        with contextlib.suppress(redis.RedisError):
            self._ledger.forget_progress(job_id, shard_no)

    def _read_rows(self, manifest: Manifest, shard_no: int) -> list[Row]:
        if (body := self._store.get(layout.shard(manifest.job_id, shard_no))) is None:
            raise CorruptObjectError(f"shard {shard_no} of job {manifest.job_id} is not in the store")
        return decode_shard(body, manifest.job_id, shard_no)

    def _salvaged_ids(self, manifest: Manifest, shard_no: int) -> list[str]:
        """Of the rows of a damaged shard, as far as they can be known."""
        body = self._store.get(layout.shard(manifest.job_id, shard_no)) or b""
        num_rows = manifest.shard_rows[shard_no]
        rows = islice(chain(salvaged_rows(body), repeat(None)), num_rows)
        return [f"shard {shard_no}, row {n}" if row is None else row.id for n, row in enumerate(rows)]

    def _after_error(self, job_id: str, shard_no: int, error: Exception) -> None:
        try:
            self._ledger.forget_progress(job_id, shard_no)
            attempts = self._count(job_id, shard_no, error)
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

    def _count(self, job_id: str, shard_no: int, error: Exception) -> int:
        """How often it has happened to the shard, this time included; 0 for what isn't counted."""
        if isinstance(error, EngineLostDevice):
            return self._ledger.count_lost_device(job_id, shard_no)
        return self._ledger.count_attempt(job_id, shard_no) if counts_as_attempt(error) else 0

    def _fail_rows(self, job_id: str, shard_no: int, error: Exception) -> None:
        manifest = read_manifest(self._store, job_id)
        try:
            row_ids = [row.id for row in self._read_rows(manifest, shard_no)]
        except CorruptObjectError:
            row_ids = self._salvaged_ids(manifest, shard_no)
        message = f"the whole shard broke: {type(error).__name__}: {error}"
        done = self._checkpoints.read(job_id, shard_no).outcomes
        outcomes = [done.get(row_id) or Outcome.failed(row_id, code_of(error), message) for row_id in row_ids]
        self._settler.settle(manifest, shard_no, outcomes)
