"""The ledger counts everything once, whoever repeats it, and hands out each shard and each lease once."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.manifest import JobState, Manifest
from jobs.outcome import Counts
from jobs.stores import MemoryStore
from tests.worker.fakes import fake_ledger, make_job, rows


def _opened(shards: int) -> tuple[Ledger, Manifest]:
    ledger = fake_ledger()
    manifest = make_job(MemoryStore(), [rows("a", "b", start=2 * n) for n in range(shards)])
    ledger.open(manifest)
    return ledger, manifest


def test_settling_a_shard_twice_counts_it_once() -> None:
    ledger, job = _opened(2)
    assert ledger.settle(job.job_id, 0, Counts(ok=2, output_tokens=5)) == 1
    assert ledger.settle(job.job_id, 0, Counts(ok=2, output_tokens=5)) == 1
    progress = ledger.progress(job.job_id)
    assert progress is not None
    assert (progress.counts.ok, progress.counts.output_tokens, progress.settled_shards) == (2, 5, 1)


def test_opening_a_job_again_keeps_its_progress() -> None:
    ledger, job = _opened(2)
    ledger.settle(job.job_id, 0, Counts(ok=2))
    ledger.open(job)
    assert ledger.settled(job.job_id) == {0}


def test_a_job_that_the_ledger_lost_is_not_half_counted() -> None:
    ledger, job = _opened(2)
    ledger.forget(job.job_id)
    assert ledger.settle(job.job_id, 0, Counts(ok=2)) is None
    assert ledger.progress(job.job_id) is None
    assert ledger.claim(job.job_id, 10) == []


@settings(deadline=None, max_examples=50)  # a script's first call costs more than the others
@given(
    shards=st.integers(1, 30),
    window=st.integers(1, 8),
    settled_before=st.sets(st.integers(0, 29)),
    order=st.randoms(use_true_random=False),
)
def test_every_unsettled_shard_is_claimed_once_and_never_more_than_a_window_waits(
    shards: int, window: int, settled_before: set[int], order: Random
) -> None:
    ledger, job = _opened(shards)
    before = {n for n in settled_before if n < shards}
    for shard_no in before:
        ledger.settle(job.job_id, shard_no, Counts(ok=2))
    claimed: list[int] = []
    waiting: list[int] = []
    while (fresh := ledger.claim(job.job_id, window)) or waiting:
        claimed += fresh
        waiting += fresh
        assert len(waiting) <= window + len(before)
        order.shuffle(waiting)
        ledger.settle(job.job_id, waiting.pop(), Counts(ok=2))
    assert sorted(claimed) == [n for n in range(shards) if n not in before]


def test_progress_is_what_is_settled_and_what_runs_together() -> None:
    ledger, job = _opened(3)
    ledger.settle(job.job_id, 0, Counts(ok=1, failed=1))
    ledger.report_progress(job.job_id, 1, Counts(ok=1))
    progress = ledger.progress(job.job_id)
    assert progress is not None
    assert (progress.counts.rows, progress.running_shards) == (3, 1)
    ledger.settle(job.job_id, 1, Counts(ok=2))
    progress = ledger.progress(job.job_id)
    assert progress is not None
    assert (progress.counts.rows, progress.running_shards) == (4, 0)


def test_the_late_progress_of_a_settled_shard_is_counted_by_nobody() -> None:
    ledger, job = _opened(2)
    ledger.report_progress(job.job_id, 0, Counts(failed=1))
    ledger.settle(job.job_id, 0, Counts(failed=2))
    ledger.report_progress(job.job_id, 0, Counts(failed=2))
    progress = ledger.progress(job.job_id)
    assert progress is not None
    assert (progress.counts.failed, progress.running_shards) == (2, 0)
    ledger.report_progress(job.job_id, 1, Counts(ok=1))
    (key,) = ledger.client.keys("*progress*")
    assert ledger.client.ttl(key) > 0, "a late word about a job that has ended is forgotten too"


def test_a_lease_has_one_owner_who_alone_renews_and_releases_it() -> None:
    ledger, job = _opened(1)
    assert ledger.hold(job.job_id, "0", "me", 15)
    assert ledger.hold(job.job_id, "0", "me", 15)
    assert not ledger.hold(job.job_id, "0", "you", 15)
    ledger.release(job.job_id, "0", "you")
    assert ledger.held(job.job_id, ["0", "1"]) == {"0"}
    ledger.release(job.job_id, "0", "me")
    assert ledger.hold(job.job_id, "0", "you", 15)


def test_a_shard_is_a_suspect_until_it_is_cleared_and_never_for_good() -> None:
    ledger, job = _opened(2)
    ledger.suspect(job.job_id, 0)
    ledger.suspect(job.job_id, 0)
    assert [ledger.is_suspect(job.job_id, shard_no) for shard_no in (0, 1)] == [True, False]
    (key,) = ledger.client.keys("*suspects*")
    assert ledger.client.ttl(key) > 0, "a late word about a job that has ended is forgotten too"
    ledger.clear_suspicion(job.job_id, 0)
    assert not ledger.is_suspect(job.job_id, 0)


def test_attempts_are_counted_for_each_shard_and_never_for_good() -> None:
    ledger, job = _opened(2)
    assert [ledger.count_attempt(job.job_id, shard_no) for shard_no in (0, 0, 1)] == [1, 2, 1]
    (key,) = ledger.client.keys("*attempts*")
    assert ledger.client.ttl(key) > 0, "a late word about a job that has ended is forgotten too"


def test_an_ended_job_keeps_its_sums_for_a_while_and_nothing_else() -> None:
    ledger, job = _opened(1)
    ledger.settle(job.job_id, 0, Counts(ok=2))
    ledger.copy_controls(job.job_id, {"cancel": "{}"})
    ledger.suspect(job.job_id, 0)
    ledger.end(job.job_id, JobState.SUCCEEDED)
    progress = ledger.progress(job.job_id)
    assert progress is not None
    assert progress.state is JobState.SUCCEEDED
    assert ledger.controls(job.job_id) == {}
    assert not ledger.is_suspect(job.job_id, 0)
    assert all(ledger.client.ttl(key) > 0 for key in ledger.client.keys("*"))


def test_a_job_that_the_ledger_lost_stays_unknown_when_it_ends() -> None:
    ledger, job = _opened(1)
    ledger.client.flushall()
    ledger.end(job.job_id, JobState.SUCCEEDED)
    assert not ledger.knows(job.job_id)
    assert ledger.progress(job.job_id) is None


def test_what_live_workers_tell_is_listed_until_they_leave() -> None:
    ledger = fake_ledger()
    ledger.tell_worker("w1", {"worker": "w1", "running_shards": 2}, life_s=10)
    ledger.tell_worker("w2", {"worker": "w2", "running_shards": 0}, life_s=10)
    ledger.forget_worker("w2")
    assert list(ledger.workers()) == [{"worker": "w1", "running_shards": 2}]


def test_one_worker_reconciles_at_a_time() -> None:
    ledger = fake_ledger()
    assert ledger.hold_duty("reconcile", "me", 15)
    assert ledger.hold_duty("reconcile", "me", 15)
    assert not ledger.hold_duty("reconcile", "you", 15)
