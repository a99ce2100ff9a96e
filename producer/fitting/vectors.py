"""The vectors of an ended `embed` job, from its parts."""

from dataclasses import dataclass

import numpy as np

from jobs.manifest import Manifest
from jobs.outcome import Outcome, Status
from jobs.parts import read_part
from jobs.shards import CorruptObjectError, decode_part
from jobs.stores import ObjectStore
from producer.fitting.regression import Vectors


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows that have a vector, in the job's order, and why the others have none."""

    ids: list[str]
    vectors: Vectors
    failed: dict[str, str]


def read_vectors(store: ObjectStore, manifest: Manifest) -> Embedded:
    """All of them, as float32; raises CorruptObjectError for a part that is gone or damaged."""
    ids: list[str] = []
    vectors: list[Vectors] = []
    failed: dict[str, str] = {}
    for shard_no in range(manifest.num_shards):
        for outcome in _outcomes(store, manifest, shard_no):
            if outcome.status is Status.OK and outcome.result is not None:
                ids.append(outcome.id)
                vectors.append(np.asarray(outcome.result["embedding"], np.float32))
            else:
                failed[outcome.id] = outcome.code or outcome.status
    return Embedded(ids, np.stack(vectors) if vectors else np.empty((0, 0), np.float32), failed)


def _outcomes(store: ObjectStore, manifest: Manifest, shard_no: int) -> list[Outcome]:
    if (body := read_part(store, manifest, shard_no)) is None:
        raise CorruptObjectError(
            f"shard {shard_no} of job {manifest.job_id} has no readable part; give the same command again"
        )
    return decode_part(body, manifest.job_id, shard_no)
