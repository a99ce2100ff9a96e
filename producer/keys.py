"""Which job an idempotency key stands for."""

import hashlib

from jobs import layout
from jobs.idempotency import free_key
from jobs.late import reopen
from jobs.papers import NoSuchJobError, read_manifest
from jobs.stores import ObjectStore


def find_job(store: ObjectStore, idempotency_key: str) -> str | None:
    """The job that was submitted under a key, None if none was, or not to the end."""
    body = store.get(layout.idempotency(digest_of(idempotency_key)))
    return body.decode() if body is not None and _is_there(store, body.decode()) else None


def _is_there(store: ObjectStore, job_id: str) -> bool:
    """Whether a key that names the job stands for it; from then on the job is open, if it hasn't ended."""
    try:
        read_manifest(store, job_id)
    except NoSuchJobError:
        return False
    # The submission may have died between its last two steps.
    return store.exists(layout.report(job_id)) or reopen(store, job_id)


def claim_key(store: ObjectStore, key: str, job_id: str) -> str:
    """The job that the key stands for from now on: this one, or that of whoever was faster."""
    digest = digest_of(key)
    while not store.create(layout.idempotency(digest), job_id.encode()):
        if (body := store.get(layout.idempotency(digest))) is None:
            continue
        if _is_there(store, known := body.decode()):
            return known
        free_key(store, digest, known)  # somebody has removed its job
    return job_id


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:40]
