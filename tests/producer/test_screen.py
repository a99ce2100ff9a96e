"""What people see of jobs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.manifest import JobState, Report
from jobs.outcome import Counts
from jobs.stores import MemoryStore
from producer.overview import UnreadableJob, job_overview
from producer.screen import show_jobs, show_report
from tests.worker.fakes import make_job, rows


def report_of(counts: Counts, state: JobState, **more: Any) -> Report:
    now = datetime.now(UTC)
    return Report(
        job_id="20260101t000000-00000001",
        state=state,
        rows=counts.rows,
        counts=counts,
        failures=more.pop("failures", ()),
        results="results.jsonl",
        errors=None,
        created_at=now,
        finished_at=now,
        **more,
    )


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    def shown(report: Report) -> str:
        show_report(report, "results.jsonl", "errors.jsonl")
        return capsys.readouterr().out

    return shown


def test_marks_of_low_quality_are_told_with_how_many_rows_have_each(shown: Any) -> None:
    counts = Counts(ok=4)
    assert "low quality" not in shown(report_of(counts, JobState.SUCCEEDED))
    one = report_of(counts, JobState.SUCCEEDED, low_quality={"no_whole_sentence": 1})
    assert "  1 row of low quality: no_whole_sentence 1\n" in shown(one)
    three = report_of(counts, JobState.SUCCEEDED, low_quality={"repetitive": 2, "cut_off": 1})
    assert "  3 rows of low quality: repetitive 2, cut_off 1\n" in shown(three)


@pytest.mark.parametrize("columns", [80, 130])
def test_a_long_source_and_an_unreadable_job_leave_the_columns_of_all_jobs_whole(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    store = MemoryStore()
    manifest = make_job(store, [rows("a")])
    job = job_overview(store, None, manifest.job_id).model_copy(update={"source": "docs/" * 60})
    at = job.created_at
    damaged = UnreadableJob(
        job_id="20260102t000000-00000002", state="unreadable", created_at=at, reason="{" * 300
    )
    show_jobs([job, damaged])
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    assert all(name in lines[0] for name in ("job", "kind", "state", "rows", "not ok", "age", "source"))
    assert (manifest.job_id in lines[1], "generate" in lines[1], "0/1" in lines[1]) == (True, True, True)
    assert lines[2].startswith(f"{damaged.job_id}           unreadable")
    assert f"bydawn status {damaged.job_id}" in printed.err


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        (Counts(ok=1, failed=1), "partial"),
        (Counts(ok=1, cancelled=2), "cancelled"),
        (Counts(failed=1, expired=2), "expired"),
        (Counts(cancelled=1, expired=2), "cancelled"),
    ],
)
def test_a_job_that_was_ended_on_its_way_is_told_by_what_ended_it(
    shown: Any, counts: Counts, word: str
) -> None:
    assert shown(report_of(counts, JobState.PARTIAL)).startswith(f"{word} · ")


@pytest.mark.parametrize(
    ("counts", "share"), [(Counts(ok=9, failed=1), "0.1"), (Counts(ok=2, failed=1), "0.334")]
)
def test_rows_that_failed_by_their_own_fault_may_be_accepted_and_it_is_said_how(
    shown: Any, counts: Counts, share: str
) -> None:
    told = shown(report_of(counts, JobState.PARTIAL))
    assert f"  accept such rows with --max-failed-share {share}\n" in told
    assert float(share) >= counts.failed / counts.rows


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        (Counts(ok=1, failed=2, blameless=1), JobState.PARTIAL),
        (Counts(ok=1, failed=1, cancelled=1), JobState.PARTIAL),
        (Counts(ok=1, failed=1), JobState.SUCCEEDED),
        (Counts(failed=1), JobState.FAILED),
    ],
)
def test_what_is_not_the_inputs_fault_is_not_to_be_accepted(
    shown: Any, counts: Counts, state: JobState
) -> None:
    assert "--max-failed-share" not in shown(report_of(counts, state))
