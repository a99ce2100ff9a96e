"""Repair makes the ledger say what the store says, sends what nobody holds, and tells what it found."""

import pytest

from jobs import layout
from jobs.control import PauseOrder, give_order
from jobs.manifest import JobState, Manifest
from jobs.outcome import Counts, Outcome, Usage
from jobs.shards import encode_part
from producer.connection import Connection
from producer.repair import Findings, repair
from tests.worker.fakes import Bench, completion, make_job, rows
from tests.worker.hand_worker import HandWorker

FINE = completion("fine")


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def worker(bench: Bench) -> HandWorker:
    return HandWorker(bench.store, bench.ledger, lambda *_: FINE)


@pytest.fixture
def connection(bench: Bench, worker: HandWorker) -> Connection:
    return Connection(bench.store, bench.ledger, worker.dispatcher)


def _job(bench: Bench, *with_part: int, shards: int) -> Manifest:
    manifest = make_job(bench.store, [rows("t", start=n) for n in range(shards)])
    for shard_no in with_part:
        body = encode_part(manifest.job_id, shard_no, [Outcome.ok(f"r{shard_no}", {"text": "x"}, Usage())])
        bench.store.create(layout.part(manifest.job_id, shard_no), body)
    return manifest


def _found(**more: int | bool) -> Findings:
    nothing = {"damaged": 0, "forgotten": 0, "sent": 0, "has_ended": False}
    return Findings(**{**nothing, **more})  # type: ignore[arg-type]  # each field has its own type


def test_a_wiped_ledger_is_made_anew_and_what_nobody_holds_is_sent(
    bench: Bench, worker: HandWorker, connection: Connection
) -> None:
    manifest = _job(bench, 1, shards=4)
    assert repair(connection, manifest.job_id) == _found(shards=4, parts=1, sent=2)
    assert bench.ledger.settled(manifest.job_id) == {1}
    assert worker.waiting["standard"] == [f"{manifest.job_id}/{n}" for n in (0, 2)]


def test_a_repair_of_a_job_that_is_well_changes_nothing(
    bench: Bench, worker: HandWorker, connection: Connection
) -> None:
    manifest = _job(bench, shards=4)
    worker.dispatcher.start(manifest)
    worker.run_next()
    bench.ledger.hold(manifest.job_id, "1", "another", 60)
    bench.ledger.client.rpop("bydawn.tiny.standard")
    before = worker.waiting
    for _ in range(2):
        assert repair(connection, manifest.job_id) == _found(shards=4, parts=1)
        assert worker.waiting == before


def test_a_part_that_is_damaged_or_gone_is_run_again(
    bench: Bench, worker: HandWorker, connection: Connection
) -> None:
    manifest = _job(bench, 0, 1, 2, shards=3)
    bench.ledger.open(manifest)
    for shard_no in range(3):
        bench.ledger.settle(manifest.job_id, shard_no, Counts(ok=1))
    bench.store.put(layout.part(manifest.job_id, 0), b"junk")
    bench.store.delete([layout.part(manifest.job_id, 2)])
    found = repair(connection, manifest.job_id)
    assert found == _found(shards=3, parts=1, damaged=1, forgotten=2, sent=2)
    assert found.missing == 2
    worker.run_all()
    assert bench.store.exists(f"jobs/{manifest.job_id}/_SUCCESS")


def test_a_job_with_all_its_parts_is_sent_to_its_end(
    bench: Bench, worker: HandWorker, connection: Connection
) -> None:
    manifest = _job(bench, 0, 1, shards=2)
    bench.store.delete([layout.open_marker(manifest.job_id)])
    assert repair(connection, manifest.job_id) == _found(shards=2, parts=2, sent=1)
    assert bench.store.exists(layout.open_marker(manifest.job_id)), "the reconciler must see it"
    assert worker.run_all() == [f"{manifest.job_id}/finish"]
    assert repair(connection, manifest.job_id) == _found(shards=2, parts=2, has_ended=True)
    assert not bench.store.exists(layout.open_marker(manifest.job_id))
    assert worker.run_all() == []


def test_a_wiped_ledger_learns_of_an_ended_job_that_it_has_ended(
    bench: Bench, worker: HandWorker, connection: Connection
) -> None:
    manifest = _job(bench, 0, shards=1)
    repair(connection, manifest.job_id)
    worker.run_all()
    bench.ledger.client.flushall()
    repair(connection, manifest.job_id)
    progress = bench.ledger.progress(manifest.job_id)
    assert progress is not None
    assert (progress.state, progress.counts.ok) == (JobState.SUCCEEDED, 1)
    assert all(bench.ledger.client.ttl(key) > 0 for key in bench.ledger.client.keys("*"))


def test_a_paused_job_stays_paused(bench: Bench, worker: HandWorker, connection: Connection) -> None:
    manifest = _job(bench, shards=2)
    worker.dispatcher.start(manifest)
    give_order(bench.store, manifest.job_id, PauseOrder())
    assert len(worker.run_all()) == 2, "its messages are gone, and its shards are not done"
    assert repair(connection, manifest.job_id) == _found(shards=2, parts=0)
    assert worker.run_all() == []
