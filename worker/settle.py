"""Settle: the one way a shard ends. One conditional put of its part, then the ledger, then what follows."""

import logging
from functools import partial

import redis

from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.late import take_back_if_removed
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.outcome import Counts, Outcome
from jobs.parts import read_part
from jobs.shards import encode_part, part_counts
from jobs.stores import ObjectStore, StoreUnavailable
from worker.spool import Spool

log = logging.getLogger(__name__)


class Settler:
    """Used by whoever ends a shard: the worker that ran it, or the reconciler that finds its part."""

    def __init__(
        self, store: ObjectStore, ledger: Ledger, dispatcher: Dispatcher, spool: Spool | None = None
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._spool = spool or Spool()

    def settle(self, manifest: Manifest, shard_no: int, outcomes: list[Outcome]) -> None:
        """Publish a shard's outcomes, unless another worker's are published already: then those count.

        While the store is away this goes on trying, and the shard stays in this worker's hands.

        Raises:
            StoreUnavailable: the worker stops before the store is back.
            NewerFormatError: a newer version has published the part.
        """
        body = encode_part(manifest.job_id, shard_no, outcomes)
        publish = partial(self._publish, manifest, shard_no, body)
        counts = self._spool.until_stored(manifest.job_id, shard_no, body, publish)
        try:
            self._note(manifest, shard_no, counts)
        except redis.RedisError as error:  # the reconciler tells a ledger that comes back
            log.warning("action=note_part job=%s shard=%s error=%s", manifest.job_id, shard_no, error)

    def adopt(self, manifest: Manifest, shard_no: int) -> bool:
        """Settle a shard by the part that it has in the store; False if it has none that can be read."""
        if (counts := self._published(manifest, shard_no)) is None:
            return False
        self._note(manifest, shard_no, counts)
        return True

    def _publish(self, manifest: Manifest, shard_no: int, body: bytes) -> Counts:
        """What the part adds up to that stands in the store now: ours, or the winner's.

        Raises:
            StoreUnavailable: worth another try; also where the winner's part can't be read.
        """
        key = layout.part(manifest.job_id, shard_no)
        if self._store.create(key, body):
            counts: Counts | None = part_counts(body, manifest.job_id, shard_no)
        else:
            counts = self._published(manifest, shard_no)
        if counts is None:
            raise StoreUnavailable(f"shard {shard_no} of job {manifest.job_id} has a part that can't be read")
        # Another's too: it is ours if the store went away right after a first try.
        take_back_if_removed(self._store, manifest.job_id, [key])
        return counts

    def _published(self, manifest: Manifest, shard_no: int) -> Counts | None:
        if (body := read_part(self._store, manifest, shard_no)) is None:
            return None
        return part_counts(body, manifest.job_id, shard_no)

    def _note(self, manifest: Manifest, shard_no: int, counts: Counts) -> None:
        # After the put: a crash here leaves a part that the ledger doesn't know, which the reconciler adopts.
        num_settled = self._ledger.settle(manifest.job_id, shard_no, counts)
        log.info("action=settle job=%s shard=%s settled=%s", manifest.job_id, shard_no, num_settled)
        if num_settled == manifest.num_shards:
            self._dispatcher.send_finish(manifest)
        elif num_settled is not None:
            self._dispatcher.top_up(manifest)
