"""Whoever sees rows that aren't ok is told what can be done about them, and that it works."""

from datetime import UTC, datetime

import pytest

from jobs.manifest import FailureExample, JobState, Report
from jobs.outcome import Code, Counts
from producer.remedies import remedy_of_queued, remedy_of_run

JOB = "20260101t000000-00000001"


def _report(counts: Counts, state: JobState, *codes: Code | None) -> Report:
    now = datetime.now(UTC)
    return Report(
        job_id=JOB,
        state=state,
        rows=counts.rows,
        counts=counts,
        failures=tuple(FailureExample(code=code, message="why", rows=1) for code in codes),
        results="results.jsonl",
        errors="errors.jsonl",
        created_at=now,
        finished_at=now,
    )


@pytest.mark.parametrize(
    ("counts", "share"), [(Counts(ok=9, failed=1), "0.1"), (Counts(ok=2, failed=1), "0.334")]
)
def test_rows_that_failed_by_their_own_fault_may_be_accepted_and_it_is_said_how(
    counts: Counts, share: str
) -> None:
    report = _report(counts, JobState.PARTIAL, Code.EMPTY_TEXT)
    assert f"--max-failed-share {share} --overwrite" in (remedy_of_run(report) or "")
    queued = remedy_of_queued(report) or ""
    assert f"submit all with --max-failed-share {share}" in queued
    assert "retry" not in queued, "they would fail again"
    assert float(share) >= counts.failed / counts.rows


@pytest.mark.parametrize(
    ("counts", "state", "codes"),
    [
        (Counts(ok=1, failed=2, blameless=1), JobState.PARTIAL, (Code.EMPTY_TEXT, Code.POISON)),
        (Counts(ok=1, failed=1, cancelled=1), JobState.CANCELLED, (Code.EMPTY_TEXT, None)),
    ],
)
def test_rows_that_may_pass_another_time_are_to_be_retried(
    counts: Counts, state: JobState, codes: tuple[Code | None, ...]
) -> None:
    report = _report(counts, state, *codes)
    assert f"`bydawn retry {JOB}`" in (remedy_of_queued(report) or "")
    assert remedy_of_run(report) is None


@pytest.mark.parametrize(
    ("counts", "state", "codes"),
    [
        (Counts(ok=1, failed=1), JobState.SUCCEEDED, (Code.EMPTY_TEXT,)),
        (Counts(failed=1), JobState.FAILED, (Code.EMPTY_TEXT,)),
        (Counts(ok=1, failed=1, blameless=1), JobState.PARTIAL, (Code.REFUSED,)),
        (Counts(ok=1), JobState.SUCCEEDED, ()),
    ],
)
def test_nothing_is_promised_where_nothing_helps(
    counts: Counts, state: JobState, codes: tuple[Code, ...]
) -> None:
    report = _report(counts, state, *codes)
    assert (remedy_of_queued(report), remedy_of_run(report)) == (None, None)


def test_a_job_that_was_stopped_because_of_what_it_asks_is_not_to_be_retried() -> None:
    report = _report(Counts(failed=2, blameless=2, cancelled=1), JobState.FAILED, Code.REFUSED, None)
    stopped = report.model_copy(update={"stopped_because": "none of its first 2 rows is ok"})
    assert remedy_of_queued(stopped) is None
