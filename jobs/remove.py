"""Remove ended jobs, broken-off submissions and remnants: all that the store and the ledger hold of them.

`bydawn rm` does it by hand, the sweep of the workers by age; whichever is broken off is ended by the next.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from secrets import token_hex

from jobs import layout
from jobs.idempotency import free_key
from jobs.late import REMOVED
from jobs.ledger import Ledger
from jobs.names import time_of
from jobs.papers import NoSuchJobError, read_manifest, read_report
from jobs.queues import FINISH
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import ObjectStore, StoreError, StoreUnavailable
from jobs.submission import LEASE_LIFE_S, UNIT

log = logging.getLogger(__name__)

SAFE_AGE = timedelta(days=1)
"""Of a submission: Redis, which knows whether somebody is at it, may have forgotten that an hour ago."""


_MAX_TIMES_AWAY = 3  # in a row: a store that is away makes every job wait for a minute


class JobInUseError(Exception):
    """The job isn't over, and must not be removed; the message says what ends it."""


def remove(store: ObjectStore, ledger: Ledger, job_id: str) -> None:
    """Remove an ended job, or what is there of one whose submission was broken off, or that was removed.

    One whose manifest can't be read goes, too: no worker can run it, so it would never end.

    Raises:
        NoSuchJobError: there is no such job.
        NewerFormatError: a newer version made it, whose workers may be at it.
        JobInUseError: it has not ended, or is being submitted.
    """
    if _is_being_submitted(store, job_id) and _remove_submission(store, ledger, job_id):
        return
    if _is_remnant(store, job_id):
        _remove_remnant(store, ledger, job_id)
        return
    _check_over(store, ledger, job_id)
    ledger.remove(job_id)
    _free_key(store, job_id)
    # The manifest before what is listed: whoever writes later than that looks for it, and takes back what he
    # wrote. The report goes last: while it is there, the job is known to have ended.
    store.delete([layout.manifest(job_id), layout.open_marker(job_id)])
    report = layout.report(job_id)
    store.delete([key for key in store.list(layout.job_prefix(job_id)) if key != report])
    store.delete([*store.list(layout.dead_letters_prefix(job_id))])
    store.delete([report])


def remove_older(store: ObjectStore, ledger: Ledger, now: datetime, age: timedelta) -> Iterator[str]:
    """Remove all jobs that ended longer ago than `age`, and tell each.

    What is left of a removed one goes when it began so long ago, and at least a day.

    Raises:
        StoreError: the store is away, or has refused to give or to remove some.
    """
    job_ids = sorted({*store.folders(layout.JOBS_PREFIX), *store.folders(layout.DEAD_PREFIX)})
    # What began later isn't worth a question to the store: there may be a hundred thousand.
    old = (each for each in job_ids if (begun_at := time_of(each)) is None or begun_at <= now - age)

    def remove_if_over(job_id: str) -> bool:
        if is_over := _is_over(store, job_id, now, age):
            remove(store, ledger, job_id)
        return is_over

    yield from _removed(old, remove_if_over)


def remove_broken_off(
    store: ObjectStore, ledger: Ledger, now: datetime, age: timedelta = SAFE_AGE
) -> Iterator[str]:
    """Remove what submissions have left that began longer ago than `age`, at least a day, and tell each.

    One that somebody is still at has a lease, however long it takes. Raises as `remove_older` does.
    """
    job_ids = [key.removeprefix(layout.SUBMITTING_PREFIX) for key in store.list(layout.SUBMITTING_PREFIX)]
    begun_before = now - max(age, SAFE_AGE)
    old = (each for each in job_ids if (begun_at := time_of(each)) is not None and begun_at <= begun_before)
    yield from _removed(old, lambda job_id: _remove_submission(store, ledger, job_id))


def _removed(job_ids: Iterable[str], remove_one: Callable[[str], bool]) -> Iterator[str]:
    """Those that `remove_one` has removed; whatever is wrong with one, the others go all the same.

    Raises:
        StoreUnavailable: for several in a row.
        StoreError: of the last that the store refused, when all others are done.
    """
    refused: StoreError | None = None
    times_away = 0
    for job_id in job_ids:
        try:
            is_removed = remove_one(job_id)
        except (NoSuchJobError, CorruptObjectError, NewerFormatError, JobInUseError, StoreError) as error:
            log.warning("%s is left where it is: %s", job_id, error)
            refused = error if isinstance(error, StoreError) else refused
            times_away = times_away + 1 if isinstance(error, StoreUnavailable) else 0
            if times_away == _MAX_TIMES_AWAY:
                raise
            continue
        times_away = 0
        if is_removed:
            yield job_id
    if refused is not None:
        raise refused


def _is_over(store: ObjectStore, job_id: str, now: datetime, age: timedelta) -> bool:
    if (report := read_report(store, job_id)) is not None:
        return report.finished_at < now - age
    begun_at = time_of(job_id)
    return begun_at is not None and begun_at < now - SAFE_AGE and _is_remnant(store, job_id)


def _is_remnant(store: ObjectStore, job_id: str) -> bool:
    """Whether there is something of a job that is neither running, ended nor being submitted.

    Its removal came too early for what somebody wrote late, who died before he took it back.
    """
    # In this order: a submission ends its marker after its manifest is there, and a removal takes the
    # report last.
    papers = (layout.submitting_marker(job_id), layout.manifest(job_id), layout.report(job_id))
    return not any(store.exists(paper) for paper in papers) and any(_remnants(store, job_id))


def _remnants(store: ObjectStore, job_id: str) -> Iterator[str]:
    yield from store.list(layout.job_prefix(job_id))
    yield from store.list(layout.dead_letters_prefix(job_id))


def _remove_remnant(store: ObjectStore, ledger: Ledger, job_id: str) -> None:
    ledger.remove(job_id)
    store.delete([*_remnants(store, job_id), layout.open_marker(job_id)])


def _is_being_submitted(store: ObjectStore, job_id: str) -> bool:
    try:
        return store.exists(layout.submitting_marker(job_id))
    except ValueError as error:
        raise NoSuchJobError(
            f"{job_id[:80]!r} is not a job's id; `bydawn jobs` lists those there are"
        ) from error


def _remove_submission(store: ObjectStore, ledger: Ledger, job_id: str) -> bool:
    """False if the job was opened, and only its marker was left over.

    What keeps it from a submission that only slept stands in `jobs.submission`.
    """
    owner = token_hex(8)
    if not ledger.hold(job_id, UNIT, owner, LEASE_LIFE_S):
        raise JobInUseError(
            f"{job_id} is being submitted, or was a minute ago; end its `bydawn submit` and wait for a minute"
        )
    try:
        if _was_opened(store, job_id) or _was_opened_before_its_mark(store, job_id):
            store.delete([layout.submitting_marker(job_id)])
            return False
        _free_key(store, job_id)
        # The manifest before the rest: an open job that has one is whole.
        store.delete([layout.manifest(job_id)])
        store.delete([*store.list(layout.job_prefix(job_id))])
        ledger.remove(job_id)
        # The last, for by it a removal that was broken off is found again. An open marker goes with it: it is
        # there if somebody submitted under the same key a moment ago.
        store.delete([layout.open_marker(job_id), layout.submitting_marker(job_id)])
    finally:
        ledger.release(job_id, UNIT, owner)
    return True


def _was_opened_before_its_mark(store: ObjectStore, job_id: str) -> bool:
    """Tell the submitter, if there still is one, before anything goes; and look once more."""
    store.put(layout.submitting_marker(job_id), REMOVED)
    return _was_opened(store, job_id)


def _was_opened(store: ObjectStore, job_id: str) -> bool:
    # In this order: a job that ends gets its report before its open marker goes.
    return store.exists(layout.open_marker(job_id)) or store.exists(layout.report(job_id))


def _check_over(store: ObjectStore, ledger: Ledger, job_id: str) -> None:
    has_report = store.exists(layout.report(job_id))
    try:
        read_manifest(store, job_id)
    except NoSuchJobError:
        if not has_report:
            raise
    except CorruptObjectError:
        _check_nobody_at_it(store, ledger, job_id)
        return
    if not has_report:
        raise JobInUseError(
            f"{job_id} has not ended; `bydawn cancel {job_id}` ends it within seconds, then it can be removed"
        )
    if store.exists(layout.open_marker(job_id)):
        raise JobInUseError(f"{job_id} is just being closed by a worker; try again in a few seconds")


def _check_nobody_at_it(store: ObjectStore, ledger: Ledger, job_id: str) -> None:
    """A worker may have read the manifest while it was whole; nobody takes a shard of it from now on."""
    shards = (key.rpartition("/")[2] for key in store.list(layout.shards_prefix(job_id)))
    units = [str(int(name)) for key in shards if (name := key.removesuffix(".jsonl")).isdecimal()]
    if ledger.held(job_id, [*units, FINISH]):
        raise JobInUseError(f"a worker is still at {job_id}; try again when it has ended, in a minute or so")


def _free_key(store: ObjectStore, job_id: str) -> None:
    try:
        digest = read_manifest(store, job_id).idempotency_digest
    except NoSuchJobError:  # it went in an earlier removal, and the key before it
        return
    except CorruptObjectError:  # a key that stands for a job that is gone is free to whoever gives it next
        return
    if digest is not None:
        free_key(store, digest, job_id)
