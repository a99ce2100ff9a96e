"""What is written late: by somebody who slept while others ended the job, and it was removed."""

import logging
from collections.abc import Iterable

from jobs import layout
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)


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
    """Let the reconciler look after a job that has not ended; False if it has been removed meanwhile."""
    marker = layout.open_marker(job_id)
    store.put(marker, b"")
    return not take_back_if_removed(store, job_id, [marker])
