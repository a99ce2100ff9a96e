"""A removed job leaves nothing behind, one that was broken off is ended by the next, and what runs stays."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs import layout
from jobs.manifest import Manifest, Report
from jobs.outcome import Counts, Outcome, Usage
from jobs.papers import NoSuchJobError, read_report
from jobs.remove import JobInUseError, remove, remove_older
from jobs.shards import NewerFormatError, encode_part
from tests.worker.fakes import Bench, DyingStore, Interrupted, fake_ledger, make_job, rows
from worker.finish import Finisher
from worker.leases import Leases

JOB = "20260101t000000-00000001"
OTHER = "20260101t000000-00000002"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def _ended(bench: Bench, job_id: str, hours_ago: int = 0) -> Manifest:
    """A job with an object of every kind, and with all that the ledger may hold of it."""
    manifest = make_job(bench.store, [rows("a")], job_id=job_id, idempotency_digest=f"digest-{job_id}")
    bench.store.put(layout.idempotency(f"digest-{job_id}"), job_id.encode())
    bench.ledger.open(manifest)
    body = encode_part(job_id, 0, [Outcome.ok("r0", {"text": "x"}, Usage())])
    bench.store.create(layout.part(job_id, 0), body)
    bench.ledger.settle(job_id, 0, Counts(ok=1))
    Finisher(bench.store, bench.ledger, Leases(bench.ledger, "me", 15)).finish(job_id)
    others = (
        "checkpoints/00000000/w.jsonl",
        "control/pause.json",
        "sources/00000000",
        "damaged/00000000.jsonl",
    )
    for name in others:
        bench.store.put(layout.job_prefix(job_id) + name, b"")
    bench.store.put(layout.dead_letters_prefix(job_id) + "00000000.json", b"")
    bench.ledger.count_attempt(job_id, 0)
    bench.ledger.report_progress(job_id, 0, Counts())
    bench.ledger.copy_controls(job_id, {"pause": "{}"})
    if hours_ago:
        _date_back(bench, job_id, hours_ago)
    return manifest


def _date_back(bench: Bench, job_id: str, hours: int) -> None:
    report = read_report(bench.store, job_id)
    assert isinstance(report, Report)
    older = report.model_copy(update={"finished_at": datetime.now(UTC) - timedelta(hours=hours)})
    bench.store.put(layout.report(job_id), older.model_dump_json().encode())


def _traces(bench: Bench, job_id: str) -> list[str]:
    keys = [*bench.store.list(""), *(str(key) for key in bench.ledger.client.keys("*"))]
    return [key for key in keys if job_id in key]


def test_a_removed_job_leaves_no_object_and_no_redis_key_and_others_stay() -> None:
    bench = Bench()
    _ended(bench, JOB)
    _ended(bench, OTHER)
    kept = _traces(bench, OTHER)
    assert len(_traces(bench, JOB)) == len(kept) > 15
    remove(bench.store, bench.ledger, JOB)
    assert _traces(bench, JOB) == []
    assert _traces(bench, OTHER) == kept
    with pytest.raises(NoSuchJobError, match=JOB):
        remove(bench.store, bench.ledger, JOB)


def test_a_removal_that_dies_at_any_step_is_ended_by_the_next() -> None:
    for step in range(20):
        store = DyingStore()
        bench = Bench(store=store, ledger=fake_ledger())
        _ended(bench, JOB)
        store.changes_left = step
        try:
            remove(store, bench.ledger, JOB)
        except Interrupted:
            store.changes_left = None
            remove(store, bench.ledger, JOB)
            assert _traces(bench, JOB) == []
        else:
            assert step >= 4, "several steps were interrupted"
            return
    raise AssertionError("the removal never came to its end")


@pytest.mark.parametrize("damaged", [b"{", b'{"format": 1}'])
@pytest.mark.parametrize("has_ended", [True, False])
def test_a_job_whose_manifest_cannot_be_read_can_be_removed(damaged: bytes, has_ended: bool) -> None:
    bench = Bench()
    if has_ended:
        _ended(bench, JOB)
    else:
        make_job(bench.store, [rows("a")], job_id=JOB)
    bench.store.put(layout.open_marker(JOB), b"")
    bench.store.put(layout.manifest(JOB), damaged)
    remove(bench.store, bench.ledger, JOB)
    free_key = layout.idempotency(f"digest-{JOB}")  # nobody can tell that it was this job's
    assert [each for each in _traces(bench, JOB) if each != free_key] == []


@pytest.mark.parametrize("unit", ["0", "finish"])
def test_an_unreadable_job_that_a_worker_is_still_at_is_left_to_it(unit: str) -> None:
    bench = Bench()
    make_job(bench.store, [rows("a")], job_id=JOB)
    bench.store.put(layout.manifest(JOB), b"{")
    bench.ledger.hold(JOB, unit, "me", 60)
    with pytest.raises(JobInUseError, match="a worker is still at"):
        remove(bench.store, bench.ledger, JOB)
    assert bench.store.exists(layout.shard(JOB, 0))


def test_a_newer_versions_job_is_left_to_it_also_when_it_has_ended() -> None:
    bench = Bench()
    manifest = _ended(bench, JOB)
    newer = manifest.model_copy(update={"format": 2})
    bench.store.put(layout.manifest(JOB), newer.model_dump_json().encode())
    before = _traces(bench, JOB)
    with pytest.raises(NewerFormatError, match="newer version"):
        remove(bench.store, bench.ledger, JOB)
    assert _traces(bench, JOB) == before


def test_a_job_that_has_not_ended_is_refused_with_what_to_do_and_stays_whole() -> None:
    bench = Bench()
    make_job(bench.store, [rows("a")], job_id=JOB)
    before = list(bench.store.list(""))
    with pytest.raises(JobInUseError, match=f"bydawn cancel {JOB}"):
        remove(bench.store, bench.ledger, JOB)
    assert list(bench.store.list("")) == before


def test_a_job_that_a_worker_is_just_closing_is_left_to_it() -> None:
    bench = Bench()
    _ended(bench, JOB)
    bench.store.put(layout.open_marker(JOB), b"")
    with pytest.raises(JobInUseError, match="just being closed"):
        remove(bench.store, bench.ledger, JOB)


@pytest.mark.parametrize("job_id", ["../models", "nothing", ""])
def test_what_is_no_job_is_refused_by_name(job_id: str) -> None:
    with pytest.raises(NoSuchJobError):
        remove(Bench().store, fake_ledger(), job_id)


def test_a_key_that_stands_for_another_job_by_now_is_kept() -> None:
    bench = Bench()
    _ended(bench, JOB)
    bench.store.put(layout.idempotency(f"digest-{JOB}"), OTHER.encode())
    remove(bench.store, bench.ledger, JOB)
    assert bench.store.get(layout.idempotency(f"digest-{JOB}")) == OTHER.encode()


def test_jobs_of_an_age_go_and_younger_open_and_damaged_ones_stay() -> None:
    bench = Bench()
    ids = {name: f"20260101t000000-0000000{n}" for n, name in enumerate(("old", "young", "damaged", "open"))}
    _ended(bench, ids["old"], hours_ago=50)
    _ended(bench, ids["young"], hours_ago=20)
    _ended(bench, ids["damaged"])
    bench.store.put(layout.report(ids["damaged"]), b"{")
    make_job(bench.store, [rows("a")], job_id=ids["open"])
    assert list(remove_older(bench.store, bench.ledger, NOW, 2 * DAY)) == [ids["old"]]
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [ids["young"], ids["damaged"], ids["open"]]


@pytest.mark.parametrize("late", [layout.part(JOB, 0), layout.dead_letters(JOB, 0)])
def test_what_came_back_after_a_removal_is_removed_by_name(late: str) -> None:
    bench = Bench()
    bench.store.put(late, b"")
    remove(bench.store, bench.ledger, JOB)
    assert _traces(bench, JOB) == []
    with pytest.raises(NoSuchJobError, match=JOB):
        remove(bench.store, bench.ledger, JOB)


def test_what_came_back_after_a_removal_goes_when_it_is_as_old_as_asked_and_at_least_a_day() -> None:
    bench = Bench()
    for late in (layout.part(JOB, 0), layout.dead_letters(OTHER, 0)):
        bench.store.put(late, b"")
    begun_at = datetime(2026, 1, 1, tzinfo=UTC)

    def removed(after: timedelta, age: timedelta) -> list[str]:
        return list(remove_older(bench.store, bench.ledger, begun_at + after, age))

    assert removed(after=0.9 * DAY, age=0 * DAY) == []
    assert removed(after=2 * DAY, age=3 * DAY) == []
    assert removed(after=3.1 * DAY, age=3 * DAY) == [JOB, OTHER]
    assert list(bench.store.list("")) == []


def test_what_is_being_submitted_or_cannot_be_anybodys_job_is_no_remnant() -> None:
    bench = Bench()
    kept = [layout.submitting_marker(JOB), layout.shard(JOB, 0), "jobs/notes/2026.txt"]
    for key in kept:
        bench.store.put(key, b"")
    assert list(remove_older(bench.store, bench.ledger, NOW, DAY)) == []
    assert sorted(bench.store.list("")) == sorted(kept)
