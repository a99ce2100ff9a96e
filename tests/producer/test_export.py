"""Results are copied whole, and over nobody else's."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from jobs import layout
from jobs.manifest import JobState, Report
from jobs.outcome import Counts
from jobs.stores import MemoryStore
from producer.errors import UserError
from producer.export import export, refuse_other_results

JOB, OTHER = "20260101t000000-00000001", "20260101t000000-00000002"
OUTPUTS = ["_SUCCESS", "errors.jsonl", "report.json", "results.jsonl"]


class Interrupted(Exception):
    """Stands for the death of the process."""


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    for job_id in (JOB, OTHER):
        store.put(layout.report(job_id), _report(job_id).model_dump_json().encode())
        store.put(_report(job_id).results, job_id.encode())
        store.put(layout.errors(job_id), job_id.encode())
    return store


def _report(job_id: str) -> Report:
    return Report(
        job_id=job_id,
        state=JobState.SUCCEEDED,
        rows=1,
        counts=Counts(ok=1),
        failures=(),
        results=f"jobs/{job_id}/results.jsonl",
        errors=layout.errors(job_id),
        created_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
    )


def _holder(out: Path) -> set[str]:
    """Whose the files are."""
    report = json.loads((out / "report.json").read_text())["job_id"]
    return {report, *((out / name).read_text() for name in ("results.jsonl", "errors.jsonl"))}


def test_another_jobs_results_are_refused_by_name_and_stay(store: MemoryStore, tmp_path: Path) -> None:
    export(store, _report(JOB), tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path}.*{JOB}.*--overwrite"):
        export(store, _report(OTHER), tmp_path)
    with pytest.raises(UserError, match=JOB):
        refuse_other_results(tmp_path, None, overwrite=False)
    assert _holder(tmp_path) == {JOB}
    assert sorted(path.name for path in tmp_path.iterdir()) == OUTPUTS


def test_another_jobs_results_are_replaced_where_that_is_asked_for(
    store: MemoryStore, tmp_path: Path
) -> None:
    export(store, _report(JOB), tmp_path)
    export(store, _report(OTHER), tmp_path, overwrite=True)
    assert _holder(tmp_path) == {OTHER}
    assert sorted(path.name for path in tmp_path.iterdir()) == OUTPUTS


def test_a_jobs_own_results_are_written_again(store: MemoryStore, tmp_path: Path) -> None:
    export(store, _report(JOB), tmp_path)
    (tmp_path / "results.jsonl").unlink()
    assert export(store, _report(JOB), tmp_path).read_text() == JOB


@pytest.mark.parametrize("name", ["results.jsonl", "results.csv", "errors.jsonl", "report.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_of_no_job_is_never_replaced(
    name: str, overwrite: bool, store: MemoryStore, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=f"{name} is not of a bydawn job"):
        export(store, _report(JOB), tmp_path, overwrite)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["{}"]


def test_an_export_that_was_broken_off_is_ended_by_the_same_job(store: MemoryStore, tmp_path: Path) -> None:
    class BreakingStore(MemoryStore):
        def open(self, key: str) -> BinaryIO:
            if key.endswith("errors.jsonl"):
                raise Interrupted
            return store.open(key)

    with pytest.raises(Interrupted):
        export(BreakingStore(), _report(JOB), tmp_path)
    assert (tmp_path / "results.jsonl").exists()
    assert not (tmp_path / "_SUCCESS").exists()
    export(store, _report(JOB), tmp_path)
    assert _holder(tmp_path) == {JOB}
