"""Read the parts of a job; what can't be read is moved aside, so that its shard is run again."""

import logging

from jobs import layout
from jobs.late import take_back_if_removed
from jobs.manifest import Manifest
from jobs.shards import CorruptObjectError, decode_part
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)


def read_part(store: ObjectStore, manifest: Manifest, shard_no: int) -> bytes | None:
    """A part that holds an outcome for each row of this shard, None if there is none.

    A damaged one would stand in the way of its own repair for ever, since parts are only ever created.
    Another reader may have moved it meanwhile, and the shard may be settled anew: so the very object that was
    read here is removed, never what stands there by now. On a store that only compares right before, what is
    left of the risk costs no row: whoever ends the job finds a part missing, and its shard is run again;
    after that no shard is settled anew.

    Raises:
        NewerFormatError: a newer version wrote it.
    """
    key = layout.part(manifest.job_id, shard_no)
    if (body := store.get(key)) is None:
        return None
    try:
        check_part(body, manifest, shard_no)
    except CorruptObjectError as error:
        log.error("action=move_aside job=%s shard=%s error=%s", manifest.job_id, shard_no, error)
        aside = layout.damaged_part(manifest.job_id, shard_no)
        store.put(aside, body)
        store.delete_if(key, body)
        take_back_if_removed(store, manifest.job_id, [aside])
        return None
    return body


def check_part(body: bytes, manifest: Manifest, shard_no: int) -> None:
    """Raises CorruptObjectError unless it holds an outcome for each row of this shard."""
    num_rows = len(decode_part(body, manifest.job_id, shard_no))
    if num_rows != manifest.shard_rows[shard_no]:
        raise CorruptObjectError(f"the part has {num_rows} rows, its shard {manifest.shard_rows[shard_no]}")
