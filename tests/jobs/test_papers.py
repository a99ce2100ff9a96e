"""A job's papers: what is not there, not readable or not yet ours to read is told by name."""

import pytest

from jobs import layout
from jobs.papers import NoSuchJobError, read_manifest, read_report, read_served_model
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import MemoryStore
from tests.worker.fakes import make_job, rows

JOB = "20260101t000000-00000001"


def test_a_manifest_is_read_as_it_was_written() -> None:
    store = MemoryStore()
    manifest = make_job(store, [rows("a", "b"), rows("c", start=2)])
    read = read_manifest(store, JOB)
    assert read == manifest
    assert (read.num_rows, read.num_shards) == (3, 2)


def test_a_job_that_is_not_there_is_told_by_its_id() -> None:
    with pytest.raises(NoSuchJobError, match=JOB):
        read_manifest(MemoryStore(), JOB)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"format": 1}', b"\xff"])
def test_a_paper_that_cannot_be_read_is_told_by_its_key(body: bytes) -> None:
    store = MemoryStore()
    store.put(layout.manifest(JOB), body)
    store.put(layout.report(JOB), body)
    with pytest.raises(CorruptObjectError, match=r"manifest\.json"):
        read_manifest(store, JOB)
    with pytest.raises(CorruptObjectError, match=r"report\.json"):
        read_report(store, JOB)


def test_a_newer_versions_manifest_is_left_to_newer_workers() -> None:
    store = MemoryStore()
    manifest = make_job(store, [rows("a")])
    store.put(layout.manifest(JOB), manifest.model_copy(update={"format": 2}).model_dump_json().encode())
    with pytest.raises(NewerFormatError, match="format 2"):
        read_manifest(store, JOB)


def test_what_has_not_been_written_yet_is_none() -> None:
    assert read_report(MemoryStore(), JOB) is None
    assert read_served_model(MemoryStore(), "tiny") is None
