"""What is written late: by somebody who slept while others ended the job, and it was removed."""

import logging
from collections.abc import Iterable

from jobs import layout
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)

REMOVED = b"removed"
"""What the marker of a submission says once its removal has begun."""


def take_back_if_removed(store: ObjectStore, job_id: str, keys: Iterable[str]) -> bool:
    """Delete what was written a moment ago if its job is gone from the store by now; True if it is.

    To be asked after the writing: a removal takes the manifest first and then all that it finds, so whatever
    it doesn't find was written by somebody who finds no manifest.
    """
    if store.exists(layout.manifest(job_id)):
        return False
    log.warning("action=take_back job=%s", job_id)
    store.delete([*keys])
    return True


def reopen(store: ObjectStore, job_id: str) -> bool:
    """Let workers find a job that has not ended; False if it is gone, or going as a broken-off submission.

    First the open marker is written, then it is asked for signs of a removal, which writes its own sign first
    and then looks for the marker: at least one of the two sees the other.
    """
    marker = layout.open_marker(job_id)
    is_new = store.create(marker, b"")
    if is_new and store.get(layout.submitting_marker(job_id)) == REMOVED:
        store.delete([marker])
        return False
    return not take_back_if_removed(store, job_id, [marker])
