"""A worker's own table of what it runs, and what happens to it while Redis is away."""

from typing import Any, cast

import fakeredis
import pytest
import redis

from engine import Request
from jobs import layout
from jobs.ledger import Ledger
from jobs.outcome import Counts
from tests.worker.fakes import Bench, completion, fake_model, make_job, rows
from worker.engine_messages import Result
from worker.leases import Leases
from worker.reconcile import Reconciler
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


def test_a_process_never_runs_a_shard_twice_even_where_its_lease_has_lapsed(ledger: Ledger) -> None:
    mine = Leases(ledger, "me", 15)
    assert mine.take(JOB, "0")
    ledger.client.flushall()
    assert not mine.take(JOB, "0")
    assert not ledger.held(JOB, ["0"])


class Clock:
    """Stands still until it is moved."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_lease_is_renewed_as_long_as_its_unit_does_anything_at_all(ledger: Ledger) -> None:
    clock = Clock()
    leases = Leases(ledger, "me", 15, stall_limit_s=600, clock=clock)
    assert leases.take(JOB, "book")
    assert leases.take(JOB, "wedged")
    for _ in range(12):  # two hours
        clock.now_s += 600
        leases.progressed(JOB, "book")
        ledger.client.flushall()
        leases.renew()
    assert ledger.held(JOB, ["book", "wedged"]) == {"book"}
    assert leases.num_held == 2, "it still runs here, and isn't taken by this process again"


def test_a_unit_that_waits_for_an_answer_keeps_its_lease_until_a_while_after_it(ledger: Ledger) -> None:
    clock = Clock()
    leases = Leases(ledger, "me", 15, stall_limit_s=600, clock=clock)
    assert leases.take(JOB, "0")
    leases.asked(JOB, "0")
    clock.now_s += 7200
    ledger.client.flushall()
    leases.renew()
    assert ledger.held(JOB, ["0"])
    leases.answered(JOB, "0")
    clock.now_s += 601
    ledger.client.flushall()
    leases.renew()
    assert not ledger.held(JOB, ["0"])


class BlinkingLedger(Ledger):
    """Redis is away for one unit's call."""

    fails_for: str | None = None

    def hold(self, job_id: str, unit: str, owner: str, life_s: int) -> bool:
        if unit == self.fails_for:
            raise redis.ConnectionError("away")
        return super().hold(job_id, unit, owner, life_s)


def test_a_renewal_that_fails_costs_neither_the_others_nor_the_next_one(server: fakeredis.FakeServer) -> None:
    ledger = BlinkingLedger(cast("Any", fakeredis.FakeRedis(server=server, decode_responses=True)))
    leases = Leases(ledger, "me", 15)
    for unit in ("0", "1", "2"):
        assert leases.take(JOB, unit)
    ledger.client.flushall()
    ledger.fails_for = "1"
    leases.renew()
    assert ledger.held(JOB, ["0", "1", "2"]) == {"0", "2"}
    ledger.fails_for = None
    leases.renew()
    assert ledger.held(JOB, ["0", "1", "2"]) == {"0", "1", "2"}


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
    server.connected = False
    bench.runner(model).run(manifest.job_id, 0)
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
    bench.runner(model).run(manifest.job_id, 0)
    assert bench.store.exists(layout.part(manifest.job_id, 0))

    server.connected = True
    ledger.release(manifest.job_id, "0", "me")  # it lapses by itself
    settler = Settler(bench.store, ledger, bench.dispatcher())
    reconciler = Reconciler(bench.store, ledger, bench.dispatcher(), settler, "me", interval_s=5)
    reconciler.reconcile_all()
    reconciler.reconcile_all()
    progress = ledger.progress(manifest.job_id)
    assert progress is not None
    assert progress.counts == Counts(ok=2, prompt_tokens=6, cached_tokens=2, output_tokens=2)
    assert bench.outbox.take() == [f"{manifest.job_id}/finish"]
