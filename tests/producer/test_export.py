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


@pytest.mark.parametrize(
    "name", ["results.jsonl", "results.csv", "errors.jsonl", "report.json", "_SUCCESS", "_PARTIAL"]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_of_no_job_is_never_replaced(
    name: str, overwrite: bool, store: MemoryStore, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=f"{name} is not of a bydawn job"):
        export(store, _report(JOB), tmp_path, overwrite)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["{}"]


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "_FAILED"])
@pytest.mark.parametrize("job_id", [JOB, OTHER])
def test_what_came_to_lie_beside_a_jobs_results_is_never_removed(
    name: str, job_id: str, store: MemoryStore, tmp_path: Path
) -> None:
    export(store, _report(JOB), tmp_path)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"{name} is not of a bydawn job"):
        export(store, _report(job_id), tmp_path, overwrite=True)
    assert (tmp_path / name).read_text() == "mine"
    assert _holder(tmp_path) == {JOB}


def test_results_of_another_format_go_with_the_job_whose_they_were(
    store: MemoryStore, tmp_path: Path
) -> None:
    earlier = _report(OTHER).model_copy(update={"results": f"jobs/{OTHER}/results.csv", "errors": None})
    earlier = earlier.model_copy(update={"state": JobState.PARTIAL})
    store.put(layout.report(OTHER), earlier.model_dump_json().encode())
    store.put(earlier.results, b"")
    export(store, earlier, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_PARTIAL", "report.json", "results.csv"]
    export(store, _report(JOB), tmp_path, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == OUTPUTS


class BreakingStore(MemoryStore):
    """The process dies, or the disk is full, when the last object is to be copied."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__()
        self._inner = inner

    def open(self, key: str) -> BinaryIO:
        if key.endswith("errors.jsonl"):
            raise Interrupted
        return self._inner.open(key)


def test_an_export_that_was_broken_off_leaves_nothing_and_is_ended_by_the_same_job(
    store: MemoryStore, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        export(BreakingStore(store), _report(JOB), tmp_path)
    assert list(tmp_path.iterdir()) == []
    export(store, _report(JOB), tmp_path)
    assert _holder(tmp_path) == {JOB}


def test_an_export_that_was_broken_off_leaves_the_earlier_results_as_they_were(
    store: MemoryStore, tmp_path: Path
) -> None:
    export(store, _report(JOB), tmp_path)
    with pytest.raises(Interrupted):
        export(BreakingStore(store), _report(OTHER), tmp_path, overwrite=True)
    assert _holder(tmp_path) == {JOB}
    assert sorted(path.name for path in tmp_path.iterdir()) == OUTPUTS
