"""What people see of an ended job."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.manifest import JobState, Report
from jobs.outcome import Counts
from producer.screen import show_report


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
        show_report(report, "results.jsonl", "errors.jsonl", None)
        return capsys.readouterr().out

    return shown


def test_marks_of_low_quality_are_told_with_how_many_rows_have_each(shown: Any) -> None:
    counts = Counts(ok=4)
    assert "low quality" not in shown(report_of(counts, JobState.SUCCEEDED))
    one = report_of(counts, JobState.SUCCEEDED, low_quality={"no_whole_sentence": 1})
    assert "  1 row of low quality: no_whole_sentence 1\n" in shown(one)
    three = report_of(counts, JobState.SUCCEEDED, low_quality={"repetitive": 2, "cut_off": 1})
    assert "  3 rows of low quality: repetitive 2, cut_off 1\n" in shown(three)


def test_rows_that_got_no_label_are_told_beside_those_that_are_ok(shown: Any) -> None:
    counts = Counts(ok=62, failed=2)
    assert "label" not in shown(report_of(counts, JobState.PARTIAL))
    some = report_of(counts, JobState.PARTIAL, without_label=12)
    assert "62 ok (12 of them without a label) · 2 failed of 64 rows" in shown(some)
