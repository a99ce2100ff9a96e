"""Checkpoints: what a shard has finished is in the store every half minute, so that a kill costs no more."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jobs import layout
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import ObjectStore, StoreError
from worker.checkpoint_file import decode_checkpoint, encode_checkpoint
from worker.shard_memory import Finished, ShardMemory

log = logging.getLogger(__name__)


class Checkpoints:
    """Of all shards that this worker runs; each worker writes an object of its own per shard."""

    def __init__(self, store: ObjectStore, worker_id: str) -> None:
        self._store = store
        self._worker_id = worker_id
        self._open: list[_Checkpoint] = []

    @contextmanager
    def opened(self, job_id: str, shard_no: int) -> Iterator[ShardMemory]:
        """What is known of a shard to begin with; what is added in the block is saved now and then.

        Whatever the block raises, what was finished until then is saved.
        """
        memory = self.read(job_id, shard_no)
        checkpoint = _Checkpoint(self._store, job_id, shard_no, self._worker_id, memory)
        self._open.append(checkpoint)
        try:
            yield memory
        except BaseException:
            checkpoint.save()
            raise
        finally:
            self._open.remove(checkpoint)

    def read(self, job_id: str, shard_no: int) -> ShardMemory:
        """What all workers that ever ran the shard have saved of it."""
        keys = list(self._store.list(layout.shard_checkpoints(job_id, shard_no)))
        return ShardMemory(each for key in keys for each in self._read(key, job_id, shard_no))

    def save_all(self) -> None:
        """Save every running shard that has finished something since the last time."""
        for checkpoint in list(self._open):
            checkpoint.save()

    def _read(self, key: str, job_id: str, shard_no: int) -> list[Finished]:
        if (body := self._store.get(key)) is None:
            return []
        try:
            return decode_checkpoint(body, job_id, shard_no)
        except (CorruptObjectError, NewerFormatError) as error:
            log.warning("action=ignore_checkpoint key=%s error=%s", key, error)
            return []


class _Checkpoint:
    """One running shard's object."""

    def __init__(
        self, store: ObjectStore, job_id: str, shard_no: int, worker_id: str, memory: ShardMemory
    ) -> None:
        self._store = store
        self._job_id = job_id
        self._shard_no = shard_no
        self._key = layout.checkpoint(job_id, shard_no, worker_id)
        self._memory = memory
        self._num_saved_changes = 0
        self._lock = threading.Lock()

    def save(self) -> None:
        """Write it anew if there is anything new; a store that is away costs a checkpoint, not the shard."""
        with self._lock:  # or an older snapshot could be written last
            num_changes, finished = self._memory.snapshot()
            if num_changes == self._num_saved_changes:
                return
            try:
                self._store.put(self._key, encode_checkpoint(self._job_id, self._shard_no, finished))
                self._remove_if_late()
            except StoreError as error:
                log.warning("action=checkpoint key=%s error=%s", self._key, error)
            else:
                self._num_saved_changes = num_changes

    def _remove_if_late(self) -> None:
        """What was put is still of use, unless the shard has its part, or the job is gone by now.

        Asked after the put: while there is no part, the job's end is to come, and removes what it finds.
        """
        is_settled = self._store.exists(layout.part(self._job_id, self._shard_no))
        if is_settled or not self._store.exists(layout.manifest(self._job_id)):
            self._store.delete([self._key])
