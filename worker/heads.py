"""The heads of the jobs that this worker runs: read once, not once a shard."""

import threading
from collections import OrderedDict

from jobs.heads import Head, head_sha256, read_stored_head
from jobs.manifest import Manifest
from jobs.stores import ObjectStore

MAX_KEPT = 8


class Heads:
    """Keeps the last few; a head's hash says whether two jobs have the same one."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], Head] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, manifest: Manifest) -> Head | None:
        """The head of a job, None if it has none; raises as `read_stored_head` does."""
        if (sha256 := head_sha256(manifest)) is None:
            return None
        key = sha256, manifest.model.fingerprint
        # Under the lock also while it is read: a job's shards begin together, and one reading is enough.
        with self._lock:
            if (head := self._kept.get(key)) is None:
                head = self._kept[key] = read_stored_head(self._store, manifest)
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return head
