"""Reconcile: one worker looks at all open jobs and sends again what nobody runs and nobody queues."""

import logging
from datetime import UTC, datetime

import redis

from jobs import layout, queues
from jobs.control import copy_controls
from jobs.dispatch import Dispatcher
from jobs.late import take_back_if_removed
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.mend import is_finish_lost, lost_shards, rebuild
from jobs.papers import NoSuchJobError, read_manifest, read_report
from jobs.stores import ObjectStore, StoreUnavailable
from worker.hopeless import stop_if_hopeless
from worker.settle import Settler

log = logging.getLogger(__name__)

_DUTY = "reconcile"


class Reconciler:
    """The store is the truth: a ledger that knows less is taught, a message that is lost is sent again."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        dispatcher: Dispatcher,
        settler: Settler,
        worker_id: str,
        interval_s: float,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._settler = settler
        self._worker_id = worker_id
        self.interval_s = interval_s
        # Seen without a lease and a message in the last pass. A message that was taken a moment ago has
        # neither for an instant, so only what is seen twice counts as lost.
        self._suspects: set[str] = set()
        # What the last pass said is wrong with a job: said once, for a pass comes every few seconds.
        self._told: dict[str, str] = {}

    def reconcile_if_leader(self) -> None:
        """One pass, unless another worker does them."""
        if self._ledger.hold_duty(_DUTY, self._worker_id, life_s=max(2, round(self.interval_s * 3))):
            self.reconcile_all()

    def give_up_duty(self) -> None:
        """Let another worker do the passes from now on."""
        self._ledger.release_duty(_DUTY, self._worker_id)

    def reconcile_all(self) -> None:
        """One pass over all open jobs."""
        suspects: set[str] = set()
        wrong: dict[str, str] = {}
        for key in list(self._store.list(layout.OPEN_PREFIX)):
            job_id = key.removeprefix(layout.OPEN_PREFIX)
            try:
                suspects |= self._look_at(job_id)
            except (redis.RedisError, StoreUnavailable):
                raise
            except Exception as error:  # whatever is wrong with one job, the others must be mended
                wrong[job_id] = f"{type(error).__name__}: {error}"
                if self._told.get(job_id) != wrong[job_id]:
                    log.error("action=reconcile job=%s error=%s", job_id, wrong[job_id])
        self._suspects, self._told = suspects, wrong

    def _look_at(self, job_id: str) -> set[str]:
        try:
            manifest = read_manifest(self._store, job_id)
        except NoSuchJobError:  # somebody who put the marker died before he saw that the job had been removed
            take_back_if_removed(self._store, job_id, [layout.open_marker(job_id)])
            return set()
        return self._reconcile(manifest)

    def _reconcile(self, manifest: Manifest) -> set[str]:
        """Mend one job; returns the task ids that look lost, but not yet for long enough."""
        job_id = manifest.job_id
        controls = copy_controls(self._store, self._ledger, manifest)
        if not self._ledger.knows(job_id):
            log.warning("action=rebuild job=%s", job_id)
            rebuild(self._store, self._ledger, manifest)
        settled = self._ledger.settled(job_id)
        if len(settled) == manifest.num_shards or read_report(self._store, job_id) is not None:
            return self._mend_finish(manifest)
        if controls.cancel is None:
            stop_if_hopeless(self._store, self._ledger, manifest)
        if controls.holds_back(datetime.now(UTC)):
            return set()
        if controls.priority is not manifest.priority:
            self._dispatcher.requeue(manifest)  # whoever changed it may have died before doing so
        suspects = self._mend_shards(manifest)
        self._dispatcher.top_up(manifest)
        return suspects

    def _mend_shards(self, manifest: Manifest) -> set[str]:
        job_id = manifest.job_id
        suspects: set[str] = set()
        for shard_no in lost_shards(self._ledger, manifest):
            task_id = queues.shard_task_id(job_id, shard_no)
            if task_id not in self._suspects:
                suspects.add(task_id)
            elif not self._settler.adopt(manifest, shard_no):
                log.warning("action=send_again job=%s shard=%s", job_id, shard_no)
                self._dispatcher.send_shard(manifest, shard_no)
        return suspects

    def _mend_finish(self, manifest: Manifest) -> set[str]:
        if not is_finish_lost(self._ledger, manifest):
            return set()
        task_id = queues.finish_task_id(manifest.job_id)
        if task_id not in self._suspects:
            return {task_id}
        log.warning("action=send_again job=%s unit=finish", manifest.job_id)
        self._dispatcher.send_finish(manifest)
        return set()
