"""Idempotency keys: an object under a key's digest names the job that was submitted with it."""

from jobs import layout
from jobs.stores import ObjectStore


def free_key(store: ObjectStore, digest: str, job_id: str) -> None:
    """The key stands for nothing any more, if it stands for this job."""
    key = layout.idempotency(digest)
    if store.get(key) == job_id.encode():
        store.delete([key])
