"""A job's copy of its head is the one that it was submitted with, or the job is told that it isn't."""

from collections.abc import Callable

import pytest

from jobs import layout
from jobs.heads import CARD_FILE, WEIGHTS_FILE, read_stored_head, store_head
from jobs.manifest import Manifest
from jobs.shards import CorruptObjectError
from jobs.stores import MemoryStore
from tests.heads import head_of, spec_of
from tests.worker.fakes import make_job, rows

HEAD = head_of()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def manifest(store: MemoryStore) -> Manifest:
    manifest = make_job(store, [rows("a")], spec=spec_of(HEAD))
    store_head(store, manifest.job_id, HEAD)
    return manifest


def test_a_stored_head_is_read_again(store: MemoryStore, manifest: Manifest) -> None:
    assert read_stored_head(store, manifest) == HEAD


def _another(store: MemoryStore, job_id: str) -> None:
    store_head(store, job_id, head_of(bias=(1.0, 0.0)))


DAMAGES: dict[str, tuple[Callable[[MemoryStore, str], None], str]] = {
    "gone": (lambda store, job: store.delete([layout.head(job, CARD_FILE)]), "can't be read"),
    "cut short": (lambda store, job: store.put(layout.head(job, WEIGHTS_FILE), b"x"), "not the one"),
    "endless": (lambda store, job: store.put(layout.head(job, CARD_FILE), bytes(5 << 20)), "at most"),
    "another": (_another, "not the one that it was submitted with"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_head_that_is_not_the_jobs_is_refused(damage: str, store: MemoryStore, manifest: Manifest) -> None:
    act, told = DAMAGES[damage]
    act(store, manifest.job_id)
    with pytest.raises(CorruptObjectError, match=told):
        read_stored_head(store, manifest)


def test_a_head_of_another_model_is_refused(store: MemoryStore) -> None:
    manifest = make_job(store, [rows("a")], spec=spec_of(HEAD), fingerprint="e" * 16)
    store_head(store, manifest.job_id, HEAD)
    with pytest.raises(CorruptObjectError, match="promised"):
        read_stored_head(store, manifest)
