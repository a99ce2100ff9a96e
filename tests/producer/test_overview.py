"""One job's damage, or its removal, is not the other jobs': the list of a store's jobs has them all."""

from collections.abc import Iterator

import pytest

from jobs import layout
from jobs.papers import read_manifest
from jobs.stores import MemoryStore
from producer.overview import JobOverview, UnreadableJob, recent_jobs
from tests.worker.fakes import fake_ledger, make_job, rows

JOB = "20260101t000000-00000001"
DAMAGED = "20260102t000000-00000002"
NEWER = "20260103t000000-00000003"


class _RemovedMeanwhile(MemoryStore):
    """The job of an id goes when the folders have been listed."""

    def folders(self, prefix: str) -> Iterator[str]:
        listed = list(super().folders(prefix))
        self.delete(list(self.list(layout.job_prefix(JOB))))
        yield from listed


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"format": 1}', b"\xff"])
def test_an_unreadable_job_is_a_line_among_the_others_with_the_remedy(body: bytes) -> None:
    store = MemoryStore()
    make_job(store, [rows("a")], job_id=JOB)
    store.put(layout.manifest(DAMAGED), body)
    damaged, whole = recent_jobs(store, None, 20)
    assert isinstance(whole, JobOverview)
    assert isinstance(damaged, UnreadableJob)
    assert (damaged.job_id, damaged.state) == (DAMAGED, "unreadable")
    assert f"bydawn rm {DAMAGED}" in damaged.reason
    assert "\n" not in damaged.reason
    assert "pydantic" not in damaged.reason


def test_a_newer_versions_job_is_told_as_such() -> None:
    store = MemoryStore()
    make_job(store, [rows("a")], job_id=JOB)
    newer = read_manifest(store, JOB).model_copy(update={"format": 2, "job_id": NEWER})
    store.put(layout.manifest(NEWER), newer.model_dump_json().encode())
    first, _ = recent_jobs(store, fake_ledger(), 20)
    assert isinstance(first, UnreadableJob)
    assert (first.state, "newer version" in first.reason) == ("newer", True)


def test_a_job_that_is_removed_while_they_are_listed_is_passed_over() -> None:
    store = _RemovedMeanwhile()
    make_job(store, [rows("a")], job_id=JOB)
    make_job(store, [rows("a")], job_id=DAMAGED)
    store.put("jobs/Notes of ours/x.txt", b"")
    assert [job.job_id for job in recent_jobs(store, None, 20)] == [DAMAGED]
