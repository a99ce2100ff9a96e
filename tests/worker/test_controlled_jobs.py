"""Whatever is said of a running job, in whatever order, and whatever Redis forgets: each row ends once."""

import threading
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobs import layout
from jobs.control import DeadlineOrder, PriorityOrder, give_order, read_controls
from jobs.manifest import JobState, Manifest, Priority
from jobs.papers import read_report
from producer import control
from producer.connection import Connection
from producer.repair import repair
from tests.integration.commands import wait_until
from tests.worker.fakes import Bench, completion, make_job, rows
from tests.worker.hand_worker import HandWorker

SHARDS = 6


class ControlledJob(RuleBasedStateMachine):
    """A job of one-row shards, a worker, and people who can't make up their minds."""

    @initialize(priority=st.sampled_from(Priority))
    def submit(self, priority: Priority) -> None:
        self.bench = Bench()
        self.job: Manifest = make_job(
            self.bench.store, [rows("t", start=n) for n in range(SHARDS)], priority=priority
        )
        self.worker = HandWorker(self.bench.store, self.bench.ledger, lambda *_: completion("fine"))
        self.connection = Connection(self.bench.store, self.bench.ledger, self.worker.dispatcher)
        self.worker.dispatcher.start(self.job)
        self.cancelled = False

    @property
    def is_open(self) -> bool:
        return not self.bench.store.exists(layout.report(self.job.job_id))

    @precondition(lambda self: self.is_open)
    @rule()
    def pause(self) -> None:
        control.tell(self.connection, control.pause(self.bench.store, self.job.job_id))

    @precondition(lambda self: self.is_open)
    @rule()
    def resume(self) -> None:
        control.tell(self.connection, control.resume(self.bench.store, self.job.job_id))

    @precondition(lambda self: self.is_open)
    @rule(priority=st.sampled_from(Priority))
    def change_priority(self, priority: Priority) -> None:
        control.tell(self.connection, control.set_priority(self.bench.store, self.job.job_id, priority))
        waiting = {name: ids for name, ids in self.worker.waiting.items() if ids}
        assert set(waiting) <= {priority.value}, "what waits has moved"

    @precondition(lambda self: self.is_open)
    @rule(hours=st.none() | st.integers(1, 9))
    def change_deadline(self, hours: int | None) -> None:
        at = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
        control.tell(self.connection, control.set_deadline(self.bench.store, self.job.job_id, at))

    @precondition(lambda self: self.is_open and not self.cancelled)
    @rule()
    def cancel(self) -> None:
        control.tell(self.connection, control.cancel(self.bench.store, self.job.job_id))
        self.cancelled = True

    @rule()
    def work(self) -> None:
        controls = read_controls(self.bench.store, self.job)
        before = len(self.worker.engine.prompts)
        self.worker.run_next()
        if controls.halt(datetime.now(UTC)) is not None:
            assert len(self.worker.engine.prompts) == before, "nothing of a halted job is begun"

    @rule()
    def wipe_redis(self) -> None:
        self.bench.ledger.client.flushall()

    @rule()
    def reconcile(self) -> None:
        self.worker.reconcile()

    @rule()
    def repair(self) -> None:
        repair(self.connection, self.job.job_id)

    @invariant()
    def the_window_holds(self) -> None:
        if hasattr(self, "worker"):
            shards = [each for ids in self.worker.waiting.values() for each in ids if "finish" not in each]
            assert len(set(shards)) <= SHARDS

    def teardown(self) -> None:
        if not hasattr(self, "worker"):
            return
        if self.is_open:
            control.tell(self.connection, control.resume(self.bench.store, self.job.job_id))
        for _ in range(4):
            self.worker.reconcile()
            self.worker.run_all()
        report = read_report(self.bench.store, self.job.job_id)
        assert report is not None
        assert report.counts.ok + report.counts.cancelled == SHARDS
        assert self.cancelled or report.state is JobState.SUCCEEDED


ControlledJob.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestControlledJob = ControlledJob.TestCase


def test_a_paused_jobs_running_shard_is_given_back_within_seconds_and_runs_again_on_resume() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows("a", "hang")])
    hangs = threading.Event()
    hangs.set()
    worker = HandWorker(
        bench.store,
        bench.ledger,
        lambda prompt, _: None if "hang" in prompt and hangs.is_set() else completion("fine"),
    )
    connection = Connection(bench.store, bench.ledger, worker.dispatcher)
    worker.dispatcher.start(manifest)
    running = threading.Thread(target=worker.run_next)
    running.start()
    wait_until(lambda: any("hang" in prompt for prompt in worker.engine.prompts), 5, "the row in the engine")
    control.tell(connection, control.pause(bench.store, manifest.job_id))
    running.join(timeout=5)
    assert not running.is_alive()
    assert all(future.done() for future in worker.engine.futures), "the engine is free for others"
    assert bench.ledger.held(manifest.job_id, ["0"]) == set()
    worker.reconcile()
    assert worker.run_next() is None, "a paused job is not queued"
    hangs.clear()
    control.tell(connection, control.resume(bench.store, manifest.job_id))
    assert worker.run_all() == [f"{manifest.job_id}/0", f"{manifest.job_id}/finish"]
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert report.counts.ok == 2


def test_a_paused_jobs_deadline_goes_on_and_its_rest_expires() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1)])
    worker = HandWorker(bench.store, bench.ledger, lambda *_: completion("fine"))
    connection = Connection(bench.store, bench.ledger, worker.dispatcher)
    worker.dispatcher.start(manifest)
    worker.run_next()
    control.tell(connection, control.pause(bench.store, manifest.job_id))
    worker.run_all()
    passed = datetime.now(UTC) - timedelta(seconds=1)
    give_order(bench.store, manifest.job_id, DeadlineOrder(deadline=passed))
    worker.reconcile()
    worker.run_all()
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert (report.counts.ok, report.counts.expired, report.state) == (1, 1, JobState.EXPIRED)


def test_a_pause_outlives_a_wiped_redis() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows("a")])
    worker = HandWorker(bench.store, bench.ledger, lambda *_: completion("fine"))
    worker.dispatcher.start(manifest)
    control.pause(bench.store, manifest.job_id)
    bench.ledger.client.flushall()
    worker.reconcile()
    assert worker.run_all() == []
    assert worker.engine.prompts == []


def test_a_changed_priority_outlives_a_wiped_redis_and_whoever_changed_it() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows("a")], priority=Priority.BULK)
    worker = HandWorker(bench.store, bench.ledger, lambda *_: completion("fine"))
    connection = Connection(bench.store, bench.ledger, worker.dispatcher)
    worker.dispatcher.start(manifest)
    control.tell(connection, control.set_priority(bench.store, manifest.job_id, Priority.URGENT))
    bench.ledger.client.flushall()
    worker.reconcile()
    assert worker.waiting == {"urgent": [f"{manifest.job_id}/0"], "standard": [], "bulk": []}
    give_order(bench.store, manifest.job_id, PriorityOrder(priority=Priority.STANDARD))
    worker.reconcile()
    assert worker.waiting == {"urgent": [], "standard": [f"{manifest.job_id}/0"], "bulk": []}
