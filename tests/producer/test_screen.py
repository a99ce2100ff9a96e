"""What people see of jobs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.manifest import JobState, Report
from jobs.outcome import Counts
from jobs.stores import MemoryStore
from producer.overview import UnreadableJob, job_overview
from producer.screen import show_first_results, show_jobs, show_report
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


def test_rows_that_got_no_label_are_told_beside_those_that_are_ok(shown: Any) -> None:
    counts = Counts(ok=62, failed=2)
    assert "label" not in shown(report_of(counts, JobState.PARTIAL))
    some = report_of(counts, JobState.PARTIAL, without_label=12)
    assert "62 ok (12 of them without a label) · 2 failed of 64 rows" in shown(some)


def test_first_results_say_of_how_many_and_fit_a_page_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps({"id": str(n), "text": "word " * 60}) + "\n" for n in range(64)))
    show_first_results("generate", results, 64)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "first 5 of 64 results"
    assert max(map(len, shown)) == 100
    assert not any(line.endswith(" ") for line in shown)


def test_results_that_are_all_shown_are_not_called_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps({"id": "a", "label": "x", "confidence": 0.5}) + "\n")
    show_first_results("classify", results, 1)
    assert capsys.readouterr().out.startswith("results\n")


def test_loading_is_told_beside_the_time_that_the_rows_took(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(Counts(ok=12), JobState.SUCCEEDED)
    took = report.model_copy(update={"finished_at": report.created_at + timedelta(seconds=3.1)})
    show_report(took, "results.jsonl", "errors.jsonl", None, loading_s=40.2)
    assert " · 3.1 s, after 40 s of loading\n" in capsys.readouterr().out
