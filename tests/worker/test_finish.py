"""A job ends once, with every row counted, and its end can be repeated after a crash at any step."""

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs import layout
from jobs.manifest import JobState, Manifest, ResultFormat, Row
from jobs.outcome import Code, Outcome, Status, Usage
from jobs.papers import read_report
from jobs.shards import encode_part
from jobs.spec import ClassifySpec, Label
from jobs.stores import ObjectStore
from tests.worker.fakes import Bench, DyingStore, Interrupted, fake_ledger, make_job, rows
from worker.finish import Finisher
from worker.leases import Leases


def _outcome(row_id: str, status: Status) -> Outcome:
    if status is Status.OK:
        return Outcome.ok(row_id, {"text": f"answer {row_id}"}, Usage(prompt_tokens=1))
    if status is Status.FAILED:
        return Outcome.failed(row_id, Code.EMPTY_TEXT, "empty")
    return Outcome.stopped(row_id, status)


def _job(store: ObjectStore, *statuses: Status, **more: Any) -> Manifest:
    """A job of two-row shards that are all settled."""
    shards = [rows(*("t" for _ in statuses[n : n + 2]), start=n) for n in range(0, len(statuses), 2)]
    manifest = make_job(store, shards, **more)
    for shard_no, shard in enumerate(shards):
        outcomes = [_outcome(row.id, statuses[2 * shard_no + n]) for n, row in enumerate(shard)]
        store.create(layout.part(manifest.job_id, shard_no), encode_part(manifest.job_id, shard_no, outcomes))
    return manifest


def _finish(bench: Bench, manifest: Manifest) -> None:
    bench.ledger.open(manifest)
    Finisher(bench.store, bench.ledger, Leases(bench.ledger, "me", 15)).finish(manifest.job_id)


OK, FAILED, CANCELLED, EXPIRED = Status.OK, Status.FAILED, Status.CANCELLED, Status.EXPIRED


@pytest.mark.parametrize(
    ("statuses", "max_failed_share", "state"),
    [
        ((OK, OK, OK), 0.0, JobState.SUCCEEDED),
        ((OK, FAILED, OK), 0.0, JobState.PARTIAL),
        ((OK, FAILED, OK), 0.34, JobState.SUCCEEDED),
        ((OK, FAILED, FAILED), 0.34, JobState.PARTIAL),
        ((FAILED, FAILED), 0.5, JobState.FAILED),
        ((OK, CANCELLED), 1.0, JobState.CANCELLED),
        ((OK, FAILED, CANCELLED, EXPIRED), 1.0, JobState.CANCELLED),
        ((EXPIRED, EXPIRED), 0.0, JobState.EXPIRED),
    ],
)
def test_the_end_state_follows_from_the_counts(
    statuses: tuple[Status, ...], max_failed_share: float, state: JobState
) -> None:
    bench = Bench()
    manifest = _job(bench.store, *statuses, max_failed_share=max_failed_share)
    _finish(bench, manifest)
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert report.state is state
    assert report.counts.rows == report.rows == len(statuses)
    assert bench.store.exists(layout.end_marker(manifest.job_id, state))
    assert not bench.store.exists(layout.open_marker(manifest.job_id))


def test_results_and_errors_hold_every_row_once_in_input_order() -> None:
    bench = Bench()
    manifest = _job(bench.store, OK, FAILED, OK, OK, CANCELLED)
    _finish(bench, manifest)
    results = (bench.store.get(layout.results(manifest.job_id, ResultFormat.JSONL)) or b"").splitlines()
    errors = (bench.store.get(layout.errors(manifest.job_id)) or b"").splitlines()
    assert [json.loads(line)["id"] for line in results] == ["r0", "r2", "r3"]
    assert [json.loads(line)["id"] for line in errors] == ["r1", "r4"]


def test_the_report_counts_marks_of_low_quality_of_ok_rows_alone() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows("t", "t", "t", "t", "t")])
    marks = (None, "cut_off", "repetitive", "repetitive")
    results = [{"summary": "s", **({"low_quality": mark} if mark else {})} for mark in marks]
    outcomes = [Outcome.ok(f"r{n}", result, Usage()) for n, result in enumerate(results)]
    outcomes.append(Outcome.failed("r4", Code.EMPTY_TEXT, "empty"))
    bench.store.create(layout.part(manifest.job_id, 0), encode_part(manifest.job_id, 0, outcomes))
    _finish(bench, manifest)
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert list(report.low_quality.items()) == [("repetitive", 2), ("cut_off", 1)]


def test_the_report_counts_ok_rows_that_got_no_label() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows("t", "t", "t", "t")])
    results: list[dict[str, Any]] = [{"label": "bug"}, {"label": None}, {"labels": []}]
    outcomes = [Outcome.ok(f"r{n}", result, Usage()) for n, result in enumerate(results)]
    outcomes.append(Outcome.failed("r3", Code.EMPTY_TEXT, "empty"))
    bench.store.create(layout.part(manifest.job_id, 0), encode_part(manifest.job_id, 0, outcomes))
    _finish(bench, manifest)
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert report.without_label == 1, "of several labels a row may have none, which is an answer"


def test_a_finish_keeps_its_lease_by_every_part_that_it_reads() -> None:
    bench = Bench()
    told: list[tuple[str, str]] = []

    class WatchedLeases(Leases):
        def progressed(self, job_id: str, unit: str) -> None:
            told.append((job_id, unit))

    manifest = _job(bench.store, OK, OK, OK)
    bench.ledger.open(manifest)
    Finisher(bench.store, bench.ledger, WatchedLeases(bench.ledger, "me", 15)).finish(manifest.job_id)
    assert len(told) >= 2 * manifest.num_shards, "to count them, and to write them"
    assert set(told) == {(manifest.job_id, "finish")}


def test_the_checkpoints_of_a_finished_job_are_removed() -> None:
    bench = Bench()
    manifest = _job(bench.store, OK, OK, OK)
    for shard_no in (0, 1):
        bench.store.put(layout.checkpoint(manifest.job_id, shard_no, "me"), b"x")
    _finish(bench, manifest)
    assert not list(bench.store.list(layout.checkpoints_prefix(manifest.job_id)))


def test_a_crash_at_any_step_is_mended_by_the_next_finish() -> None:
    for step in range(20):
        store = DyingStore()
        bench = Bench(store=store, ledger=fake_ledger())
        manifest = _job(store, OK, FAILED, OK)
        store.changes_left = step
        died = False
        try:
            _finish(bench, manifest)
        except Interrupted:
            died = True
        store.changes_left = None
        _finish(bench, manifest)
        report = read_report(store, manifest.job_id)
        assert report is not None
        assert report.counts.rows == 3
        assert store.exists(f"jobs/{manifest.job_id}/_PARTIAL")
        assert not store.exists(layout.open_marker(manifest.job_id))
        if not died:
            assert step > 3, "several steps were interrupted"
            return
    raise AssertionError("the finish never came to its end")


def test_a_settled_shard_without_its_part_does_not_end_the_job() -> None:
    bench = Bench()
    manifest = _job(bench.store, OK, OK, OK)
    bench.store.delete([layout.part(manifest.job_id, 1)])
    _finish(bench, manifest)
    assert read_report(bench.store, manifest.job_id) is None
    assert bench.store.exists(layout.open_marker(manifest.job_id))
    assert not bench.ledger.knows(manifest.job_id), "it is rebuilt from the parts that there are"


def _classified(result_format: ResultFormat) -> bytes:
    bench = Bench()
    columns = [{"id": "r0", "label": "mine", "n": 1}, {"id": "r1", "label": "yours", "n": 2}]
    shard = [Row(id=f"r{n}", text="t", columns=each) for n, each in enumerate(columns)]
    spec = ClassifySpec(labels=(Label(name="a"), Label(name="b")))
    manifest = make_job(bench.store, [shard], spec=spec, result_format=result_format)
    outcomes = [
        Outcome.ok("r0", {"label": "a", "confidence": 0.75, "scores": {"a": 0.75, "b": 0.25}}, Usage()),
        Outcome.failed("r1", Code.EMPTY_TEXT, "empty"),
    ]
    bench.store.create(layout.part(manifest.job_id, 0), encode_part(manifest.job_id, 0, outcomes))
    _finish(bench, manifest)
    return bench.store.get(layout.results(manifest.job_id, result_format)) or b""


def test_csv_joins_the_results_to_the_users_columns_and_overwrites_none() -> None:
    table = list(csv.DictReader(io.StringIO(_classified(ResultFormat.CSV).decode())))
    assert [(row["label"], row["bydawn_label"], row["status"]) for row in table] == [
        ("mine", "a", "ok"),
        ("yours", "", "failed"),
    ]
    assert table[0]["confidence"] == "0.75"
    assert table[1]["error"] == "empty_text"


def test_parquet_joins_them_likewise_with_numbers_as_numbers() -> None:
    table = pq.read_table(io.BytesIO(_classified(ResultFormat.PARQUET))).to_pylist()
    assert [(row["n"], row["bydawn_label"], row["confidence"]) for row in table] == [
        (1, "a", 0.75),
        (2, None, None),
    ]
