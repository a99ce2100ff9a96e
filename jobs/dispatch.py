"""Queue a job's shards, a bounded window of them at a time, by the priority that it has now."""

from datetime import UTC, datetime

from jobs import queues
from jobs.control import copied_controls
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Priority
from jobs.queues import Send
from jobs.window import Window


class Dispatcher:
    """Used by whoever starts a job, settles a shard, reconciles, or says something of a running job."""

    def __init__(self, ledger: Ledger, send: Send, window_shards: int | None = None) -> None:
        """The window goes by the live workers, unless it is given."""
        self._ledger = ledger
        self._send = send
        self._window = Window(ledger)
        self._window_shards = window_shards

    def start(self, manifest: Manifest) -> None:
        """Make the job known to the ledger and queue its first shards."""
        self._ledger.open(manifest)
        self.top_up(manifest)

    def top_up(self, manifest: Manifest) -> int:
        """Queue shards until a window of the job's is sent; returns how many. A paused job's stay."""
        controls = copied_controls(self._ledger, manifest)
        if controls.holds_back(datetime.now(UTC)):
            return 0
        window_shards = self._window_shards or self._window.shards(manifest.model.alias)
        claimed = self._ledger.claim(manifest.job_id, window_shards)
        queue = _queue(manifest, controls.priority)
        for shard_no in claimed:
            self._send(queues.shard_message(manifest.job_id, shard_no, queue))
        return len(claimed)

    def send_shard(self, manifest: Manifest, shard_no: int) -> None:
        self._send(queues.shard_message(manifest.job_id, shard_no, self._queue_now(manifest)))

    def send_finish(self, manifest: Manifest) -> None:
        self._send(queues.finish_message(manifest.job_id, self._queue_now(manifest)))

    def requeue(self, manifest: Manifest) -> None:
        """Move messages that wait in a queue of another priority than the job has now."""
        job_id, right = manifest.job_id, self._queue_now(manifest)
        for wrong in queues.queue_names(manifest.model.alias):
            if wrong != right:
                # Off the old queue first: dying in between loses messages, and the reconciler sends those.
                for task_id in queues.withdraw(self._ledger.client, wrong, job_id):
                    self._send(queues.message_of(task_id, right))

    def _queue_now(self, manifest: Manifest) -> str:
        return _queue(manifest, copied_controls(self._ledger, manifest).priority)


def _queue(manifest: Manifest, priority: Priority) -> str:
    return queues.queue_name(manifest.model.alias, priority)
