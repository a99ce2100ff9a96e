"""Wait for a job's end: the ledger tells its progress, the store that it has ended."""

import time
from collections.abc import Callable

from jobs.ledger import Ledger
from jobs.ledger import Progress as JobProgress
from jobs.manifest import JobState, Manifest, Report
from jobs.papers import read_manifest, read_report
from jobs.stores import ObjectStore

_POLL_INTERVAL_S = 0.3
_STORE_INTERVAL_S = 5.0


def wait_for_report(
    store: ObjectStore,
    ledger: Ledger,
    manifest: Manifest,
    show: Callable[[JobProgress], None],
    check: Callable[[], None] = lambda: None,
) -> Report:
    """Show progress until the job has its report. `check` may raise to end the waiting."""
    asked_store_s = 0.0
    while True:
        progress = ledger.progress(manifest.job_id)
        if progress is not None:
            show(progress)
        ended = progress is not None and progress.state is not JobState.RUNNING
        # The ledger may have lost the job; the store is asked too, but not at every look.
        if ended or time.monotonic() - asked_store_s > _STORE_INTERVAL_S:
            asked_store_s = time.monotonic()
            if (report := read_report(store, manifest.job_id)) is not None:
                return report
            read_manifest(store, manifest.job_id)  # says so where the job itself is gone or damaged
        check()
        time.sleep(_POLL_INTERVAL_S)
