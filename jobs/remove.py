"""Remove ended jobs: all that the store and the ledger hold of them.

`bydawn rm` does it by hand, the sweep of the workers by age; whichever is broken off is ended by the next.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from jobs import layout
from jobs.ledger import Ledger
from jobs.names import time_of
from jobs.papers import NoSuchJobError, read_manifest, read_report
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)


class JobInUseError(Exception):
    """The job isn't over, and must not be removed; the message says what ends it."""


def remove(store: ObjectStore, ledger: Ledger, job_id: str) -> None:
    """Remove an ended job.

    Raises:
        NoSuchJobError: there is no such job.
        JobInUseError: it has not ended.
    """
    _check_ended(store, job_id)
    ledger.remove(job_id)
    papers = [layout.manifest(job_id), layout.report(job_id)]
    store.delete(key for key in [*store.list(layout.job_prefix(job_id))] if key not in papers)
    store.delete([*store.list(layout.dead_letters_prefix(job_id))])
    _free_key(store, job_id)
    # The papers go last, of them the report: while it is there, the job is known to have ended.
    for paper in papers:
        store.delete([paper])


def remove_older(store: ObjectStore, ledger: Ledger, ended_before: datetime) -> Iterator[str]:
    """Remove all jobs that ended before a time, and tell each."""
    for job_id in [*store.folders(layout.JOBS_PREFIX)]:
        if (begun_at := time_of(job_id)) is not None and begun_at > ended_before:
            continue  # not worth a question to the store, of which there may be a hundred thousand
        try:
            report = read_report(store, job_id)
            if report is not None and report.finished_at < ended_before:
                remove(store, ledger, job_id)
                yield job_id
        except (NoSuchJobError, CorruptObjectError, NewerFormatError, JobInUseError) as error:
            log.warning("%s is left where it is: %s", job_id, error)  # the others must go all the same


def _check_ended(store: ObjectStore, job_id: str) -> None:
    try:
        has_ended = store.exists(layout.report(job_id))
    except ValueError as error:
        raise NoSuchJobError(
            f"{job_id[:80]!r} is not a job's id; `bydawn jobs` lists those there are"
        ) from error
    if not has_ended:
        read_manifest(store, job_id)
        raise JobInUseError(
            f"{job_id} has not ended; `bydawn cancel {job_id}` ends it within seconds, then it can be removed"
        )
    if store.exists(layout.open_marker(job_id)):
        raise JobInUseError(f"{job_id} is just being closed by a worker; try again in a few seconds")


def _free_key(store: ObjectStore, job_id: str) -> None:
    """The idempotency key of the job stands for nothing any more."""
    try:
        digest = read_manifest(store, job_id).idempotency_digest
    except (NoSuchJobError, CorruptObjectError):  # it went in an earlier removal, and the key before it
        return
    if digest is not None and store.get(key := layout.idempotency(digest)) == job_id.encode():
        store.delete([key])
