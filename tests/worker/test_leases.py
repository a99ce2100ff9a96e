"""A worker's own table of what it runs, and what happens to it while Redis is away."""

from typing import Any, cast

import fakeredis
import pytest
import redis

from engine import Request
from jobs import layout
from jobs.ledger import Ledger
from jobs.outcome import Counts
from tests.worker.fakes import Bench, NoQuarantine, completion, fake_model, make_job, row_texts, rows
from worker.engine_messages import Result
from worker.leases import Leases
from worker.reconcile import Reconciler
from worker.run_shard import ShardRunner
from worker.settle import Settler

JOB = "20260101t000000-00000001"


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def ledger(server: fakeredis.FakeServer) -> Ledger:
    return Ledger(cast("Any", fakeredis.FakeRedis(server=server, decode_responses=True)))


def test_a_unit_is_taken_once_in_a_process_and_once_among_processes(ledger: Ledger) -> None:
    mine, yours = Leases(ledger, "me", 15), Leases(ledger, "you", 15)
    assert mine.take(JOB, "0")
    assert not mine.take(JOB, "0")
    assert not yours.take(JOB, "0")
    assert yours.take(JOB, "1")
    assert (mine.num_held, yours.num_held) == (1, 1)
    mine.release(JOB, "0")
    assert yours.take(JOB, "0")


def test_a_renewal_brings_back_what_lapsed_and_takes_nothing_from_a_successor(ledger: Ledger) -> None:
    mine, yours = Leases(ledger, "me", 15), Leases(ledger, "you", 15)
    assert mine.take(JOB, "0")
    assert mine.take(JOB, "1")
    ledger.client.flushall()
    assert yours.take(JOB, "1")
    mine.renew()
    assert not yours.take(JOB, "0")
    mine.release(JOB, "1")
    assert ledger.held(JOB, ["0", "1"]) == {"0", "1"}, "a lost lease is not mine to give up"


def test_a_lease_lapses_by_itself_where_nobody_renews_it(ledger: Ledger) -> None:
    assert Leases(ledger, "me", 15).take(JOB, "0")
    (key,) = cast("list[str]", ledger.client.keys("*lease*"))
    assert 0 < ledger.client.ttl(key) <= 15


def test_what_could_not_be_asked_for_is_not_held(ledger: Ledger, server: fakeredis.FakeServer) -> None:
    leases = Leases(ledger, "me", 15)
    server.connected = False
    with pytest.raises(redis.ConnectionError):
        leases.take(JOB, "0")
    assert leases.num_held == 0
    server.connected = True
    assert leases.take(JOB, "0")
    server.connected = False
    leases.release(JOB, "0")
    assert leases.num_held == 0


def test_a_shard_whose_lease_cannot_be_had_is_left_alone(
    ledger: Ledger, server: fakeredis.FakeServer
) -> None:
    bench = Bench(ledger=ledger)
    manifest = make_job(bench.store, [rows("a")])
    model, engine = fake_model(lambda *_: completion("x"))
    settler = Settler(bench.store, ledger, bench.dispatcher())
    server.connected = False
    leases, quarantine = Leases(ledger, "me", 15), NoQuarantine(bench, model)
    runner = ShardRunner(bench.store, ledger, leases, settler, model, quarantine, row_texts(bench.store))
    runner.run(manifest.job_id, 0)
    assert engine.prompts == []
    assert not bench.store.exists(layout.part(manifest.job_id, 0))


def test_a_redis_that_goes_away_while_a_shard_runs_costs_none_of_its_results(
    ledger: Ledger, server: fakeredis.FakeServer
) -> None:
    bench = Bench(ledger=ledger)
    manifest = make_job(bench.store, [rows("a", "b")])
    ledger.open(manifest)
    ledger.claim(manifest.job_id, 2)

    def answer(_prompt: str, _request: Request) -> Result:
        server.connected = False
        return completion("x")

    model, _ = fake_model(answer)
    settler = Settler(bench.store, ledger, bench.dispatcher())
    leases, quarantine = Leases(ledger, "me", 15), NoQuarantine(bench, model)
    runner = ShardRunner(bench.store, ledger, leases, settler, model, quarantine, row_texts(bench.store))
    runner.run(manifest.job_id, 0)
    assert bench.store.exists(layout.part(manifest.job_id, 0))

    server.connected = True
    ledger.release(manifest.job_id, "0", "me")  # it lapses by itself
    reconciler = Reconciler(bench.store, ledger, bench.dispatcher(), settler, "me", interval_s=5)
    reconciler.reconcile_all()
    reconciler.reconcile_all()
    progress = ledger.progress(manifest.job_id)
    assert progress is not None
    assert progress.counts == Counts(ok=2, prompt_tokens=6, cached_tokens=2, output_tokens=2)
    assert bench.outbox.take() == [f"{manifest.job_id}/finish"]
