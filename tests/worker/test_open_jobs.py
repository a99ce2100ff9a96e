"""A job stays open until all who tell of it know its end; a strange one keeps no other from being mended."""

from typing import Any, cast

import fakeredis
import pytest
import redis

from jobs import layout
from jobs.control import CancelOrder, copied_controls, give_order
from jobs.ledger import Ledger
from jobs.manifest import JobState, Manifest
from jobs.outcome import Counts, Outcome, Usage
from jobs.shards import encode_part
from tests.worker.fakes import Bench, make_job, rows
from worker.finish import Finisher, end_state
from worker.leases import Leases
from worker.reconcile import Reconciler
from worker.settle import Settler

JOB = "20260101t000000-00000001"


class _LeaseOnly(Leases):
    """A lease that is held without Redis, so that a finish gets further than its first step."""

    def take(self, job_id: str, unit: str) -> bool:
        return True


def _reconciler(bench: Bench, window_shards: int = 2) -> Reconciler:
    dispatcher = bench.dispatcher(window_shards)
    settler = Settler(bench.store, bench.ledger, dispatcher)
    return Reconciler(bench.store, bench.ledger, dispatcher, settler, "me", interval_s=5)


def _settled_job(bench: Bench, *shard_nos: int, shards: int) -> Manifest:
    """A job whose named shards have their parts."""
    manifest = make_job(bench.store, [rows("t", start=n) for n in range(shards)])
    for shard_no in shard_nos:
        body = encode_part(JOB, shard_no, [Outcome.ok(f"r{shard_no}", {"text": "x"}, Usage())])
        bench.store.create(layout.part(JOB, shard_no), body)
    return manifest


def test_a_job_whose_end_the_ledger_did_not_hear_of_stays_open_and_is_ended_later() -> None:
    server = fakeredis.FakeServer()
    bench = Bench(ledger=Ledger(cast("Any", fakeredis.FakeRedis(server=server, decode_responses=True))))
    bench.ledger.open(_settled_job(bench, 0, shards=1))
    finisher = Finisher(bench.store, bench.ledger, _LeaseOnly(bench.ledger, "me", 15))
    server.connected = False
    with pytest.raises(redis.ConnectionError):
        finisher.finish(JOB)
    assert bench.store.exists(layout.report(JOB))
    assert bench.store.exists(layout.open_marker(JOB)), "or nobody would look at it again"
    server.connected = True
    finisher.finish(JOB)
    assert not bench.store.exists(layout.open_marker(JOB))
    progress = bench.ledger.progress(JOB)
    assert progress is not None
    assert progress.state is JobState.SUCCEEDED


@pytest.mark.parametrize("percent", range(101))
def test_exactly_the_allowed_share_of_failures_still_succeeds(percent: int) -> None:
    manifest = make_job(Bench().store, [rows("t")], max_failed_share=float(f"{percent / 100:.2f}"))
    assert end_state(manifest, Counts(ok=100 - percent, failed=percent)) is JobState.SUCCEEDED
    if percent < 100:
        above = Counts(ok=99 - percent, failed=percent + 1)
        assert end_state(manifest, above) in (JobState.PARTIAL, JobState.FAILED)


@pytest.mark.parametrize(
    ("open_key", "manifest"),
    [
        ("open/Not A Job", None),
        ("open/20250101t000000-00000000", None),
        ("open/20250101t000000-00000000", b"{"),
        ("open/20250101t000000-00000000", b'{"format": 2, "spec": {"kind": "translate"}}'),
    ],
)
def test_a_strange_open_job_keeps_no_other_from_being_mended(open_key: str, manifest: bytes | None) -> None:
    bench = Bench()
    bench.store.put(open_key, b"")
    if manifest is not None:
        bench.store.put(layout.manifest("20250101t000000-00000000"), manifest)
    make_job(bench.store, [rows("t")])
    _reconciler(bench).reconcile_all()
    assert bench.outbox.take() == [f"{JOB}/0"]


def test_what_is_wrong_with_a_job_is_said_once_and_not_at_every_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    make_job(bench.store, [rows("t")])
    bench.store.put(layout.manifest(JOB), b"{")
    reconciler = _reconciler(bench)
    for _ in range(3):
        reconciler.reconcile_all()
    newer = b'{"format": 2}'
    bench.store.put(layout.manifest(JOB), newer)
    for _ in range(3):
        reconciler.reconcile_all()
    assert [record.message.partition("error=")[2].split(":")[0] for record in caplog.records] == [
        "CorruptObjectError",
        "NewerFormatError",
    ]


def test_a_marker_of_a_job_that_is_gone_goes_too_and_a_name_that_is_no_jobs_stays() -> None:
    bench = Bench()
    bench.store.put(layout.open_marker("20250101t000000-00000000"), b"")
    bench.store.put("open/Not A Job", b"")
    _reconciler(bench).reconcile_all()
    assert list(bench.store.list("")) == ["open/Not A Job"]


def test_a_stray_object_among_the_parts_does_not_stop_a_job() -> None:
    bench = Bench()
    _settled_job(bench, 0, shards=2)
    bench.store.put(f"{layout.parts_prefix(JOB)}notes.txt", b"")
    bench.store.put(layout.part(JOB, 99), b"")
    _reconciler(bench).reconcile_all()
    assert bench.ledger.settled(JOB) == {0}
    assert bench.outbox.take() == [f"{JOB}/1"]


def test_rebuilding_a_long_job_sends_no_shard_that_has_its_part() -> None:
    bench = Bench()
    _settled_job(bench, *range(40), shards=42)
    _reconciler(bench, window_shards=5).reconcile_all()
    assert bench.ledger.settled(JOB) == set(range(40))
    assert bench.outbox.take() == [f"{JOB}/40", f"{JOB}/41"]


def test_a_cancellation_outlives_a_wiped_redis() -> None:
    bench = Bench()
    manifest = _settled_job(bench, shards=1)
    give_order(bench.store, JOB, CancelOrder())
    _reconciler(bench).reconcile_all()
    assert copied_controls(bench.ledger, manifest).cancel is not None
