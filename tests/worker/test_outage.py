"""A worker without an engine says so, and leaves its shards to others."""

import threading
import time
from datetime import UTC, datetime

import pytest

from jobs import layout
from jobs.control import CancelOrder, give_order
from jobs.manifest import Manifest
from jobs.outcome import Status
from jobs.shards import decode_part
from tests.worker.fakes import Bench, completion, fake_model, make_job, rows
from worker.announce import Announcer
from worker.engine_life import EngineLife
from worker.outage import Outage

LOST = EngineLife().lost_device("CUDA error: uncorrectable ECC error encountered", datetime.now(UTC), 0.0)


class Worker:
    """One whose engine's life a test decides."""

    def __init__(self, bench: Bench, wait_s: float = 0.0) -> None:
        self.life = LOST
        model, self.engine = fake_model(lambda *_: completion("fine"))
        self.leases = bench.leases()
        self.drain = bench.drain(self.leases)
        outage = Outage(lambda: self.life, wait_s)
        self.runner = bench.runner(model, self.leases, self.drain, outage=outage)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _job(bench: Bench) -> Manifest:
    manifest = make_job(bench.store, [rows("a", "b")])
    bench.ledger.open(manifest)
    return manifest


def _statuses(bench: Bench, manifest: Manifest) -> list[Status] | None:
    body = bench.store.get(layout.part(manifest.job_id, 0))
    return None if body is None else [each.status for each in decode_part(body, manifest.job_id, 0)]


def test_in_an_outage_a_shard_is_given_back_unblamed_and_its_engine_is_not_asked(bench: Bench) -> None:
    worker, manifest = Worker(bench), _job(bench)
    for _ in range(9):
        worker.runner.run(manifest.job_id, 0)
    assert (_statuses(bench, manifest), worker.engine.prompts) == (None, [])
    assert not bench.ledger.held(manifest.job_id, ["0"])
    assert bench.ledger.count_attempt(manifest.job_id, 0) == 1, "this one is the first"
    assert not bench.ledger.is_suspect(manifest.job_id, 0)
    worker.life = worker.life.restarted(0.0)
    worker.runner.run(manifest.job_id, 0)
    assert _statuses(bench, manifest) == [Status.OK] * 2


def test_what_needs_no_engine_is_done_all_the_same(bench: Bench) -> None:
    worker, manifest = Worker(bench), _job(bench)
    give_order(bench.store, manifest.job_id, CancelOrder())
    worker.runner.run(manifest.job_id, 0)
    assert _statuses(bench, manifest) == [Status.CANCELLED] * 2


@pytest.mark.parametrize("end", ["another engine", "drain"])
def test_the_thread_takes_no_other_message_until_there_is_an_engine_or_the_worker_ends(
    bench: Bench, end: str
) -> None:
    worker, manifest = Worker(bench, wait_s=60.0), _job(bench)
    thread = threading.Thread(target=worker.runner.run, args=(manifest.job_id, 0))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    assert not bench.ledger.held(manifest.job_id, ["0"]), "another worker may have it meanwhile"
    if end == "drain":
        worker.drain.on_signal()
    else:
        worker.life = worker.life.restarted(0.0)
    thread.join(10)
    assert not thread.is_alive()


def test_an_outage_costs_a_message_only_so_long(bench: Bench) -> None:
    worker, manifest = Worker(bench, wait_s=0.3), _job(bench)
    began_s = time.monotonic()
    worker.runner.run(manifest.job_id, 0)
    assert 0.3 <= time.monotonic() - began_s < 10


def test_a_worker_tells_of_its_engines_ends_and_of_an_outage(bench: Bench) -> None:
    life = EngineLife()
    announcer = Announcer(bench.ledger, "w", "tiny", 4, bench.leases(), lambda: life)
    announcer.tell()
    (told,) = bench.ledger.workers()
    assert (told["engine_restarts"], told["engine_outage"], told["last_engine_end"]) == (0, None, None)
    at = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
    life = life.lost_device("CUDA error: unspecified launch failure", at, 0.0)
    announcer.tell()
    (told,) = bench.ledger.workers()
    assert "unspecified launch failure" in told["engine_outage"]
    life = life.restarted(1.0)
    announcer.tell()
    (told,) = bench.ledger.workers()
    assert (told["engine_restarts"], told["engine_outage"]) == (1, None)
    assert (told["last_engine_end"], told["last_engine_end_at"]) == (
        "device_lost",
        "2026-11-27T06:00:00+00:00",
    )
