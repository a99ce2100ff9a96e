"""The sweep removes what is old enough and nothing else, one worker at a time."""

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import layout
from jobs.dead_letters import record_dead_letters
from jobs.manifest import Report
from jobs.outcome import Code, Counts, Outcome
from jobs.papers import read_report
from jobs.shards import encode_part
from jobs.stores import MemoryStore, StoreError, StoreUnavailable
from tests.integration.commands import wait_until
from tests.worker.fakes import Bench, fake_model, make_job, no_engine, rows
from worker import bootstrap
from worker.finish import Finisher
from worker.settings import WorkerSettings
from worker.sweep import Sweeper

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class _RefusingStore(MemoryStore):
    """It refuses to read or to remove what begins with `refused`."""

    def __init__(self, refusal: StoreError) -> None:
        super().__init__()
        self._refusal = refusal
        self.refused: str | None = None
        self.num_refusals = 0

    def get(self, key: str) -> bytes | None:
        self._check(key)
        return super().get(key)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._check(key)
            super().delete([key])

    def _check(self, key: str) -> None:
        if self.refused is not None and key.startswith(self.refused):
            self.num_refusals += 1
            raise self._refusal


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _sweeper(bench: Bench, retention: timedelta | None, worker_id: str = "me") -> Sweeper:
    return Sweeper(bench.store, bench.ledger, worker_id, 3600, retention)


def _job_id(begun_at: datetime) -> str:
    return f"{begun_at:%Y%m%dt%H%M%S}-00000001"


def _ended(bench: Bench, begun_at: datetime, ended_at: datetime) -> str:
    """A job whose only row was poison, submitted under a key."""
    job_id = _job_id(begun_at)
    manifest = make_job(bench.store, [rows("a")], job_id=job_id, idempotency_digest="digest")
    bench.store.put(layout.idempotency("digest"), job_id.encode())
    bench.ledger.open(manifest)
    outcomes = [Outcome.failed("r0", Code.POISON, "it died")]
    record_dead_letters(bench.store, job_id, 0, outcomes, ended_at)
    bench.store.create(layout.part(job_id, 0), encode_part(job_id, 0, outcomes))
    bench.ledger.settle(job_id, 0, Counts.of(outcomes))
    Finisher(bench.store, bench.ledger, bench.leases()).finish(job_id)
    report = read_report(bench.store, job_id)
    assert isinstance(report, Report)
    dated = report.model_copy(update={"finished_at": ended_at})
    bench.store.put(layout.report(job_id), dated.model_dump_json().encode())
    return job_id


def _left(bench: Bench) -> list[str]:
    return [*bench.store.list(""), *(str(key) for key in bench.ledger.client.keys("*:2*"))]


def test_an_ended_job_goes_when_its_time_is_up_with_its_dead_rows_and_its_key(bench: Bench) -> None:
    _ended(bench, NOW - 40 * DAY, NOW - 31 * DAY)
    assert any(key.startswith(layout.DEAD_PREFIX) for key in _left(bench))
    _sweeper(bench, retention=32 * DAY).sweep(NOW)
    assert len(_left(bench)) > 8
    _sweeper(bench, retention=30 * DAY).sweep(NOW)
    assert _left(bench) == []


def test_without_a_retention_every_ended_job_stays(bench: Bench) -> None:
    _ended(bench, NOW - 4000 * DAY, NOW - 4000 * DAY)
    before = _left(bench)
    _sweeper(bench, retention=None).sweep(NOW)
    assert _left(bench) == before


def test_a_job_that_has_not_ended_stays_however_old_it_is(bench: Bench) -> None:
    make_job(bench.store, [rows("a")], job_id=_job_id(NOW - 4000 * DAY))
    before = _left(bench)
    _sweeper(bench, retention=DAY).sweep(NOW)
    assert _left(bench) == before


def test_a_job_that_began_long_ago_and_ended_lately_stays(bench: Bench) -> None:
    _ended(bench, NOW - 40 * DAY, NOW - 2 * DAY)
    before = _left(bench)
    _sweeper(bench, retention=3 * DAY).sweep(NOW)
    assert _left(bench) == before


def test_what_a_broken_off_submission_left_goes_after_a_day_without_any_retention(bench: Bench) -> None:
    job_id = _job_id(NOW)
    bench.store.put(layout.submitting_marker(job_id), b"")
    bench.store.put(layout.shard(job_id, 0), b"")
    sweeper = _sweeper(bench, retention=None)
    sweeper.sweep(NOW + 0.9 * DAY)
    assert len(_left(bench)) == 2
    sweeper.sweep(NOW + 1.1 * DAY)
    assert _left(bench) == []


def test_one_worker_sweeps_for_all(bench: Bench) -> None:
    _sweeper(bench, DAY, "another").sweep_if_leader()
    job_id = _ended(bench, NOW - 40 * DAY, NOW - 40 * DAY)
    _sweeper(bench, DAY, "me").sweep_if_leader()
    assert bench.store.exists(layout.report(job_id))
    _sweeper(bench, DAY, "another").sweep_if_leader()
    assert not bench.store.exists(layout.report(job_id))


def test_a_worker_without_a_retention_keeps_no_other_from_removing_ended_jobs(bench: Bench) -> None:
    job_id = _ended(bench, NOW - 40 * DAY, NOW - 40 * DAY)
    _sweeper(bench, None, "another").sweep_if_leader()
    _sweeper(bench, DAY, "me").sweep_if_leader()
    assert not bench.store.exists(layout.report(job_id))


def test_a_worker_that_ends_leaves_its_duties_to_the_next(bench: Bench, tmp_path: Path) -> None:
    model, _ = fake_model(lambda *_: None)
    settings = WorkerSettings(spool=tmp_path, retention_days=30)
    worker = bootstrap.build(settings, bench.store, bench.ledger, bench.outbox.send, model, no_engine)
    worker.start()
    with closing(worker):
        wait_until(lambda: len(bench.ledger.client.keys("bydawn:duty:*")) == 3, 30, "it has all duties")
    assert bench.ledger.client.keys("bydawn:duty:*") == []


def test_a_worker_gives_up_no_duty_that_is_anothers(bench: Bench) -> None:
    _sweeper(bench, DAY, "another").sweep_if_leader()
    _sweeper(bench, DAY, "me").give_up_duties()
    assert len(bench.ledger.client.keys("bydawn:duty:*")) == 2


@pytest.mark.parametrize(
    "strange", ["submitting/20200101t000000-BAD", "jobs/20200101t000000-BAD/x", "dead/20200101t000000-BAD/x"]
)
def test_a_strange_name_keeps_nothing_from_going(bench: Bench, strange: str) -> None:
    _ended(bench, NOW - 40 * DAY, NOW - 40 * DAY)
    bench.store.put(layout.submitting_marker(_job_id(NOW - 2 * DAY)), b"")
    bench.store.put(strange, b"")
    _sweeper(bench, DAY).sweep(NOW)
    assert _left(bench) == [strange]


@pytest.mark.parametrize("refusal", [StoreError("a folder is in its way"), StoreUnavailable("a bad sector")])
@pytest.mark.parametrize("refused", ["jobs/2", "submitting/2"])
def test_a_job_that_the_store_refuses_keeps_no_other_from_going(refused: str, refusal: StoreError) -> None:
    store = _RefusingStore(refusal)
    bench = Bench(store=store)
    for days in (40, 41, 42):
        _ended(bench, NOW - days * DAY, NOW - days * DAY)
        bench.store.put(layout.submitting_marker(_job_id(NOW - (days + 10) * DAY)), b"")
    store.refused = next(iter(store.list(refused)))
    _sweeper(bench, DAY).sweep(NOW)
    assert {key.split("/")[1] for key in store.list("")} == {store.refused.split("/")[1]}


def test_a_store_that_is_away_is_not_asked_for_every_job() -> None:
    store = _RefusingStore(StoreUnavailable("away"))
    bench = Bench(store=store)
    for days in range(40, 50):
        _ended(bench, NOW - days * DAY, NOW - days * DAY)
    store.refused = "jobs/"
    _sweeper(bench, DAY).sweep(NOW)
    assert store.num_refusals == 3


def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_the_next(bench: Bench) -> None:
    for days in (40, 41, 42):
        _ended(bench, NOW - days * DAY, NOW - days * DAY)
    Sweeper(bench.store, bench.ledger, "me", 3600, DAY, is_stopping=lambda: True).sweep(NOW)
    assert len(list(bench.store.folders(layout.JOBS_PREFIX))) == 2


def test_a_worker_that_is_told_a_retention_sweeps_when_it_starts(bench: Bench, tmp_path: Path) -> None:
    _ended(bench, NOW - 40 * DAY, NOW - 31 * DAY)
    kept = _ended(bench, NOW - 29 * DAY, NOW - 29 * DAY)
    model, _ = fake_model(lambda *_: None)
    settings = WorkerSettings(spool=tmp_path, retention_days=30)
    worker = bootstrap.build(settings, bench.store, bench.ledger, bench.outbox.send, model, no_engine)
    worker.start()
    with closing(worker):
        wait_until(lambda: len(list(bench.store.folders(layout.JOBS_PREFIX))) == 1, 30, "the older job goes")
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [kept]
