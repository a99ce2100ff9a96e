"""A job's own copy of its head, in its folder of the store, which goes when the job goes."""

from jobs import layout
from jobs.heads.files import (
    CARD_FILE,
    MAX_CARD_BYTES,
    MAX_WEIGHTS_BYTES,
    WEIGHTS_FILE,
    Head,
    HeadError,
    decode_head,
)
from jobs.manifest import Manifest
from jobs.shards import CorruptObjectError
from jobs.spec import ClassifySpec
from jobs.stores import ObjectMissing, ObjectStore


def store_head(store: ObjectStore, job_id: str, head: Head) -> None:
    """Before the job's manifest: a job that is known has its head."""
    store.put(layout.head(job_id, WEIGHTS_FILE), head.weights_bytes)
    store.put(layout.head(job_id, CARD_FILE), head.card_bytes)


def head_sha256(manifest: Manifest) -> str | None:
    """Of the head that a job classifies with; None if it does without."""
    spec = manifest.spec
    return spec.head.sha256 if isinstance(spec, ClassifySpec) and spec.head is not None else None


def read_stored_head(store: ObjectStore, manifest: Manifest) -> Head:
    """The head of a job that has one.

    Raises:
        CorruptObjectError: it is gone, or isn't the one that the job was submitted with.
        StoreError: the store is away.
    """
    job_id = manifest.job_id
    try:
        head = decode_head(
            _bounded(store, layout.head(job_id, CARD_FILE), MAX_CARD_BYTES),
            _bounded(store, layout.head(job_id, WEIGHTS_FILE), MAX_WEIGHTS_BYTES),
        )
    except (HeadError, ObjectMissing) as error:
        raise CorruptObjectError(f"the head of job {job_id} can't be read: {error}") from error
    if head.sha256 != head_sha256(manifest):
        raise CorruptObjectError(f"the head of job {job_id} is not the one that it was submitted with")
    if head.card.model.fingerprint != manifest.model.fingerprint:
        raise CorruptObjectError(
            f"the head of job {job_id} is of model {head.card.model.fingerprint}, and the job was promised "
            f"{manifest.model.fingerprint}"
        )
    return head


def _bounded(store: ObjectStore, key: str, most_bytes: int) -> bytes:
    """One byte more than allowed is enough to be refused."""
    with store.open(key) as stream:
        return stream.read(most_bytes + 1)
