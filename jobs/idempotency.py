"""Idempotency keys: an object under a key's digest names the job that was submitted with it.

It is only ever created, and removed while it names a job that is gone or going: of any number who submit
under one key, whatever it said before, one creates it.
"""

from jobs import layout
from jobs.stores import ObjectStore


def free_key(store: ObjectStore, digest: str, job_id: str) -> None:
    """The key stands for nothing any more, if it stands for this job."""
    store.delete_if(layout.idempotency(digest), job_id.encode())
