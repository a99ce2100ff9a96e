"""Mend what the ledger and the queues know of a job from what the store holds.

The reconciler does it every few seconds, `bydawn repair` by hand; every step can be repeated without harm.
"""

from jobs import layout, queues
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.parts import read_part
from jobs.shards import part_counts
from jobs.stores import ObjectStore


def rebuild(store: ObjectStore, ledger: Ledger, manifest: Manifest) -> set[int]:
    """Teach the ledger all parts that there are, and return their shards; queues nothing."""
    job_id = manifest.job_id
    ledger.open(manifest)
    keys = set(store.list(layout.parts_prefix(job_id)))
    found: set[int] = set()
    for shard_no in range(manifest.num_shards):
        if (
            layout.part(job_id, shard_no) in keys
            and (body := read_part(store, manifest, shard_no)) is not None
        ):
            ledger.settle(job_id, shard_no, part_counts(body, job_id, shard_no))
            found.add(shard_no)
    return found


def lost_shards(ledger: Ledger, manifest: Manifest) -> list[int]:
    """Shards that were sent and aren't settled, that nobody runs and no queue has."""
    job_id = manifest.job_id
    progress, settled = ledger.progress(job_id), ledger.settled(job_id)
    cursor = progress.cursor if progress is not None else 0
    unsettled = [shard_no for shard_no in range(cursor) if shard_no not in settled]
    held = ledger.held(job_id, [str(shard_no) for shard_no in unsettled])
    queued = _queued(ledger, manifest)
    return [n for n in unsettled if str(n) not in held and queues.shard_task_id(job_id, n) not in queued]


def is_finish_lost(ledger: Ledger, manifest: Manifest) -> bool:
    """Of a job whose shards are all settled: nobody ends it, and no queue has the message for it."""
    job_id = manifest.job_id
    return not ledger.held(job_id, [queues.FINISH]) and queues.finish_task_id(job_id) not in _queued(
        ledger, manifest
    )


def send_lost(ledger: Ledger, dispatcher: Dispatcher, manifest: Manifest) -> int:
    """Queue at once what is lost and what is due, and return how much it was.

    A message that was taken a moment ago looks lost for an instant: a second copy of it does no harm.
    """
    if ledger.is_complete(manifest.job_id):
        if not is_finish_lost(ledger, manifest):
            return 0
        dispatcher.send_finish(manifest)
        return 1
    lost = lost_shards(ledger, manifest)
    for shard_no in lost:
        dispatcher.send_shard(manifest, shard_no)
    return len(lost) + dispatcher.top_up(manifest)


def _queued(ledger: Ledger, manifest: Manifest) -> set[str]:
    names = queues.queue_names(manifest.model.alias)
    return set().union(*(queues.queued_task_ids(ledger.client, name) for name in names))
