"""Settle what a worker that died left in the spool, so that its work isn't done twice."""

import logging

from jobs.papers import read_manifest
from jobs.parts import check_part
from jobs.shards import decode_part
from jobs.stores import ObjectStore, StoreError
from worker.settle import Settler
from worker.spool import Spool, SpooledPart

log = logging.getLogger(__name__)

INTERVAL_S = 30.0


class SpoolSettler:
    """Looks at the spool when a worker starts, and now and then."""

    def __init__(self, store: ObjectStore, spool: Spool, settler: Settler) -> None:
        self._store = store
        self._spool = spool
        self._settler = settler

    def settle_all(self) -> None:
        """One pass over what nobody in this process has in hand."""
        for part in self._spool.left_behind():
            try:
                self._settle(part)
            except StoreError:
                raise  # the part stays for a later pass
            except Exception as error:  # of a job that is gone, or damaged: its shard is run again
                log.error("action=drop_spooled part=%s error=%s: %s", part.key, type(error).__name__, error)
            self._spool.drop(part)

    def _settle(self, part: SpooledPart) -> None:
        if (body := self._spool.read(part)) is None:
            return  # another worker of this machine was faster
        manifest = read_manifest(self._store, part.job_id)
        check_part(body, manifest, part.shard_no)
        log.warning("action=settle_spooled job=%s shard=%s", part.job_id, part.shard_no)
        self._settler.settle(manifest, part.shard_no, decode_part(body, part.job_id, part.shard_no))
