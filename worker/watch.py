"""What a running shard looks at twice a second: it tells its progress, and is told whether to go on."""

import contextlib
import logging
from datetime import UTC, datetime

import redis

from jobs.control import Controls, Halt, copied_controls, read_controls
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.outcome import Counts
from jobs.stores import ObjectStore, StoreError

log = logging.getLogger(__name__)


class ShardWatch:
    """Of one shard, for as long as it runs.

    The ledger's copy of the job's controls is asked first. What it says is done only if the store agrees: a
    ledger that was wiped has forgotten that a deadline was moved, and a part is never taken back.
    """

    def __init__(
        self, store: ObjectStore, ledger: Ledger, manifest: Manifest, shard_no: int, controls: Controls
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._manifest = manifest
        self._shard_no = shard_no
        self._controls = controls

    def look(self, counts: Counts) -> Halt | None:
        # Progress is for show, and a Redis that is away must not stop work that is under way.
        with contextlib.suppress(redis.RedisError):
            self._ledger.report_progress(self._manifest.job_id, self._shard_no, counts)
            self._controls = copied_controls(self._ledger, self._manifest)
        if self._controls.halt(datetime.now(UTC)) is None:
            return None
        try:
            self._controls = read_controls(self._store, self._manifest)
        except StoreError as error:
            log.warning("action=watch job=%s error=%s", self._manifest.job_id, error)
            return None  # the next look may reach it
        return self._controls.halt(datetime.now(UTC))
