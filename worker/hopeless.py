"""Stop a job whose every row fails, instead of burning the night on the rest."""

import logging
import textwrap
from collections import Counter
from itertools import islice

from jobs.control import CancelOrder, copy_controls, give_order
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.outcome import Code, Counts
from jobs.parts import read_part
from jobs.shards import decode_part
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)

MIN_ROWS = 200
"""That must have failed before a job is given up: minutes of work, not the night. Even if only one row in
fifty could be done, the first 200 would all fail in but two of a hundred jobs."""

_TOP_FAILURES = 3
_PARTS_LOOKED_AT = 8
_MESSAGE_LENGTH = 200  # every row that is stopped repeats the reason


def is_hopeless(counts: Counts, max_failed_share: float) -> bool:
    """Whether all that ended failed by the job's fault or ours.

    Rows whose input is at fault say nothing about those to come, and who allows all rows to fail means it.
    """
    return not counts.ok and counts.blameless >= MIN_ROWS and max_failed_share < 1.0


def stop_if_hopeless(store: ObjectStore, ledger: Ledger, manifest: Manifest) -> None:
    """Cancel a job that is, in the name of nobody and with the reason."""
    progress = ledger.progress(manifest.job_id)
    if progress is None or not is_hopeless(progress.counts, manifest.max_failed_share):
        return
    reason = _reason(progress.counts, _top_failures(store, ledger, manifest))
    log.error("action=stop_hopeless job=%s failed=%s", manifest.job_id, progress.counts.failed)
    give_order(store, manifest.job_id, CancelOrder(hopeless=True, reason=reason))
    copy_controls(store, ledger, manifest)


def _reason(counts: Counts, top: list[tuple[Code, str, int]]) -> str:
    whys = [f"{rows:,} x {code} (at fault: {code.fault}): {message}" for code, message, rows in top]
    return "; ".join([f"none of its first {counts.rows:,} rows is ok", *whys])


def _top_failures(store: ObjectStore, ledger: Ledger, manifest: Manifest) -> list[tuple[Code, str, int]]:
    """The most frequent ones in the first parts."""
    seen: Counter[tuple[Code, str]] = Counter()
    for shard_no in islice(sorted(ledger.settled(manifest.job_id)), _PARTS_LOOKED_AT):
        if (body := read_part(store, manifest, shard_no)) is not None:
            outcomes = decode_part(body, manifest.job_id, shard_no)
            seen.update((each.code, _short(each.message)) for each in outcomes if each.code is not None)
    return [(code, message, rows) for (code, message), rows in seen.most_common(_TOP_FAILURES)]


def _short(message: str | None) -> str:
    return textwrap.shorten(message or "", _MESSAGE_LENGTH, placeholder="...")
