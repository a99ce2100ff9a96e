"""Queue a job's shards, a bounded window of them at a time."""

from jobs import queues
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.queues import Send

WINDOW_SHARDS = 64
"""Of one job that wait in its queue at most, so that a huge job does not fill Redis."""


class Dispatcher:
    """Used by whoever starts a job, settles a shard or reconciles."""

    def __init__(self, ledger: Ledger, send: Send, window_shards: int = WINDOW_SHARDS) -> None:
        self._ledger = ledger
        self._send = send
        self._window_shards = window_shards

    def start(self, manifest: Manifest) -> None:
        """Make the job known to the ledger and queue its first shards."""
        self._ledger.open(manifest)
        self.top_up(manifest)

    def top_up(self, manifest: Manifest) -> None:
        """Queue shards until a window of the job's is waiting."""
        for shard_no in self._ledger.claim(manifest.job_id, self._window_shards):
            self.send_shard(manifest, shard_no)

    def send_shard(self, manifest: Manifest, shard_no: int) -> None:
        self._send(queues.shard_message(manifest.job_id, shard_no, _queue(manifest)))

    def send_finish(self, manifest: Manifest) -> None:
        self._send(queues.finish_message(manifest.job_id, _queue(manifest)))


def _queue(manifest: Manifest) -> str:
    return queues.queue_name(manifest.model.alias, manifest.priority)
