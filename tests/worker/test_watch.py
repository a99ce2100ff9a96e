"""Whether a running shard goes on: the ledger says it quickly, the store surely, and either may be away."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import fakeredis
import pytest

from jobs.control import (
    CancelOrder,
    DeadlineOrder,
    Halt,
    PauseOrder,
    copy_controls,
    end_pause,
    give_order,
    read_controls,
)
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.outcome import Counts, Status
from jobs.stores import MemoryStore, StoreUnavailable
from tests.worker.fakes import Bench, make_job, rows
from worker.watch import ShardWatch

PASSED, AHEAD = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))


class StoreAway(MemoryStore):
    """A store that is away when told so."""

    is_away = False

    def get(self, key: str) -> bytes | None:
        if self.is_away:
            raise StoreUnavailable("away")
        return super().get(key)


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def bench(server: fakeredis.FakeServer) -> Bench:
    ledger = Ledger(cast("Any", fakeredis.FakeRedis(server=server, decode_responses=True)))
    return Bench(store=StoreAway(), ledger=ledger)


def _watched(bench: Bench, **more: Any) -> tuple[Manifest, ShardWatch]:
    manifest = make_job(bench.store, [rows("a")], **more)
    bench.ledger.open(manifest)
    controls = copy_controls(bench.store, bench.ledger, manifest)
    return manifest, ShardWatch(bench.store, bench.ledger, manifest, 0, controls)


def test_a_shard_goes_on_and_its_progress_is_told(bench: Bench) -> None:
    manifest, watch = _watched(bench, deadline=AHEAD)
    assert watch.look(Counts(ok=1)) is None
    progress = bench.ledger.progress(manifest.job_id)
    assert progress is not None
    assert progress.counts.ok == 1


def test_what_somebody_says_is_seen_at_the_next_look(bench: Bench) -> None:
    manifest, watch = _watched(bench)
    for order, halt in (
        (PauseOrder(), Halt(None, "paused")),
        (DeadlineOrder(deadline=PASSED), Halt(Status.EXPIRED)),
        (CancelOrder(), Halt(Status.CANCELLED)),
    ):
        give_order(bench.store, manifest.job_id, order)
        copy_controls(bench.store, bench.ledger, manifest)
        assert watch.look(Counts()) == halt


def test_a_wiped_ledger_does_not_bring_back_a_deadline_that_was_moved(bench: Bench) -> None:
    manifest, watch = _watched(bench, deadline=PASSED)
    give_order(bench.store, manifest.job_id, DeadlineOrder(deadline=AHEAD))
    bench.ledger.client.flushall()
    assert watch.look(Counts()) is None


def test_a_copy_that_still_says_paused_stops_nothing(bench: Bench) -> None:
    manifest, watch = _watched(bench)
    give_order(bench.store, manifest.job_id, PauseOrder())
    copy_controls(bench.store, bench.ledger, manifest)
    end_pause(bench.store, manifest.job_id)
    assert watch.look(Counts()) is None


def test_without_redis_the_deadline_holds_as_it_was_last_known(
    bench: Bench, server: fakeredis.FakeServer
) -> None:
    manifest = make_job(bench.store, [rows("a")], deadline=AHEAD)
    give_order(bench.store, manifest.job_id, DeadlineOrder(deadline=PASSED))
    watch = ShardWatch(bench.store, bench.ledger, manifest, 0, read_controls(bench.store, manifest))
    server.connected = False
    assert watch.look(Counts()) == Halt(Status.EXPIRED)


def test_without_the_store_a_shard_goes_on_until_it_is_back(bench: Bench) -> None:
    manifest, watch = _watched(bench)
    give_order(bench.store, manifest.job_id, CancelOrder())
    copy_controls(bench.store, bench.ledger, manifest)
    assert isinstance(bench.store, StoreAway)
    bench.store.is_away = True
    assert watch.look(Counts()) is None
    bench.store.is_away = False
    assert watch.look(Counts()) == Halt(Status.CANCELLED)
