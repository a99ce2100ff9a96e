"""The store is the truth: a wiped ledger is rebuilt from it, and what nobody runs or queues is sent again."""

import json

import pytest

from jobs import layout, queues
from jobs.manifest import JobState, Priority
from jobs.outcome import Outcome, Usage
from jobs.shards import encode_part
from tests.worker.fakes import Bench, make_job, rows
from worker.finish import Finisher
from worker.leases import Leases
from worker.reconcile import Reconciler
from worker.settle import Settler


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def reconciler(bench: Bench) -> Reconciler:
    settler = Settler(bench.store, bench.ledger, bench.dispatcher())
    return Reconciler(bench.store, bench.ledger, bench.dispatcher(), settler, "me", interval_s=5)


def _part(bench: Bench, job_id: str, shard_no: int, row_id: str) -> None:
    body = encode_part(job_id, shard_no, [Outcome.ok(row_id, {"text": "x"}, Usage())])
    assert bench.store.create(layout.part(job_id, shard_no), body)


def _queue(bench: Bench, task_id: str) -> None:
    name = queues.queue_name("tiny", Priority.STANDARD)
    bench.ledger.client.lpush(name, json.dumps({"headers": {"id": task_id}}))


def test_after_a_wiped_redis_what_has_a_part_is_kept_and_the_rest_is_sent(
    bench: Bench, reconciler: Reconciler
) -> None:
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1), rows("c", start=2)])
    _part(bench, manifest.job_id, 1, "r1")
    reconciler.reconcile_all()
    assert bench.ledger.settled(manifest.job_id) == {1}
    assert bench.outbox.task_ids == [f"{manifest.job_id}/0", f"{manifest.job_id}/2"]


def test_a_lost_message_is_sent_again_when_it_is_missed_twice(bench: Bench, reconciler: Reconciler) -> None:
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1)])
    bench.dispatcher().start(manifest)
    bench.outbox.take()
    _queue(bench, f"{manifest.job_id}/1")
    reconciler.reconcile_all()
    assert bench.outbox.take() == []
    reconciler.reconcile_all()
    assert bench.outbox.take() == [f"{manifest.job_id}/0"]


def test_a_running_shard_is_left_alone_until_its_lease_is_gone(bench: Bench, reconciler: Reconciler) -> None:
    manifest = make_job(bench.store, [rows("a")])
    bench.dispatcher().start(manifest)
    bench.outbox.take()
    bench.ledger.hold(manifest.job_id, "0", "another worker", 60)
    for _ in range(3):
        reconciler.reconcile_all()
    assert bench.outbox.take() == []
    bench.ledger.release(manifest.job_id, "0", "another worker")
    reconciler.reconcile_all()
    reconciler.reconcile_all()
    assert bench.outbox.take() == [f"{manifest.job_id}/0"]


def test_a_part_that_the_ledger_never_heard_of_is_adopted_not_run_again(
    bench: Bench, reconciler: Reconciler
) -> None:
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1)])
    bench.dispatcher().start(manifest)
    bench.outbox.take()
    _queue(bench, f"{manifest.job_id}/1")
    _part(bench, manifest.job_id, 0, "r0")
    reconciler.reconcile_all()
    reconciler.reconcile_all()
    assert bench.ledger.settled(manifest.job_id) == {0}
    assert bench.outbox.take() == []


def test_a_finish_that_was_lost_is_sent_again_and_an_ended_job_is_closed(
    bench: Bench, reconciler: Reconciler
) -> None:
    manifest = make_job(bench.store, [rows("a")])
    _part(bench, manifest.job_id, 0, "r0")
    for _ in range(3):
        reconciler.reconcile_all()
    assert f"{manifest.job_id}/finish" in bench.outbox.take()
    Finisher(bench.store, bench.ledger, Leases(bench.ledger, "me", 15)).finish(manifest.job_id)
    bench.store.put(layout.open_marker(manifest.job_id), b"")  # the crash before the marker went
    bench.ledger.forget(manifest.job_id)
    reconciler.reconcile_all()
    reconciler.reconcile_all()
    assert f"{manifest.job_id}/finish" in bench.outbox.take()
    progress = bench.ledger.progress(manifest.job_id)
    assert progress is not None
    assert progress.state is JobState.RUNNING, "the finish message ends it, not the reconciler"


def test_an_unreadable_job_does_not_keep_others_waiting(bench: Bench, reconciler: Reconciler) -> None:
    bench.store.put(layout.open_marker("20250101t000000-00000000"), b"")
    bench.store.put(layout.manifest("20250101t000000-00000000"), b"{")
    manifest = make_job(bench.store, [rows("a")])
    reconciler.reconcile_all()
    assert bench.outbox.take() == [f"{manifest.job_id}/0"]
