"""Where jobs and queues stand, from the store and the ledger together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import redis
from pydantic import AwareDatetime, BaseModel

from jobs import layout, queues
from jobs.control import Controls, read_controls
from jobs.ledger import Ledger
from jobs.manifest import JobState, Manifest, Priority
from jobs.names import time_of
from jobs.outcome import Counts
from jobs.papers import NoSuchJobError, read_manifest, read_report
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.spec import Kind
from jobs.stores import ObjectStore


class JobOverview(BaseModel):
    """What `bydawn jobs --json` prints of each job."""

    job_id: str
    kind: Kind
    state: JobState
    rows: int
    counts: Counts
    shards: int
    settled_shards: int
    running_shards: int | None
    """None where the ledger is away, or doesn't know the job."""
    paused: bool
    model: str
    priority: Priority
    deadline: AwareDatetime | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    source: str
    retry_of: str | None


class UnreadableJob(BaseModel):
    """A job of which no more can be told: its papers are damaged, or a newer version's."""

    job_id: str
    state: Literal["unreadable", "newer"]
    created_at: AwareDatetime | None
    reason: str


class EngineEnd(BaseModel):
    """How an engine of a live worker's ended last: `device_lost`, `stuck`, `signal 9`, `exit code 1`."""

    reason: str
    at: AwareDatetime


class QueueDepth(BaseModel):
    """Messages (shards) waiting per priority, and shards that workers hold."""

    model: str
    urgent: int = 0
    standard: int = 0
    bulk: int = 0
    in_flight: int = 0
    workers: int = 0
    without_engine: int = 0
    """Of the workers: those whose engine has ended, and that can't start another one."""
    engine_restarts: int = 0
    """Of the live workers, since each was started."""
    last_engine_end: EngineEnd | None = None


def job_overview(store: ObjectStore, ledger: Ledger | None, job_id: str) -> JobOverview:
    """Raises NoSuchJobError. Without a ledger a running job's counts are zero."""
    manifest = read_manifest(store, job_id)
    controls = read_controls(store, manifest)
    if (report := read_report(store, job_id)) is not None:
        shards, ended_at = manifest.num_shards, report.finished_at
        return _overview(manifest, controls, report.state, report.counts, shards, 0, ended_at)
    progress = None if ledger is None else ledger.progress(job_id)
    if progress is None:
        return _overview(manifest, controls, JobState.RUNNING, Counts(), 0, None, None)
    settled, running = progress.settled_shards, progress.running_shards
    return _overview(manifest, controls, JobState.RUNNING, progress.counts, settled, running, None)


def recent_jobs(
    store: ObjectStore, ledger: Ledger | None, limit: int
) -> Iterator[JobOverview | UnreadableJob]:
    """The newest jobs first; whatever is wrong with one, the others are told all the same."""
    job_ids = sorted(store.folders(layout.JOBS_PREFIX))
    for job_id in reversed(job_ids[-limit:]):
        try:
            yield job_overview(store, ledger, job_id)
        except NoSuchJobError:  # not whole yet, or removed a moment ago
            continue
        except NewerFormatError as error:
            yield _unreadable(job_id, "newer", error)
        except CorruptObjectError as error:
            yield _unreadable(job_id, "unreadable", error)


def _unreadable(job_id: str, state: Literal["unreadable", "newer"], error: Exception) -> UnreadableJob:
    return UnreadableJob(job_id=job_id, state=state, created_at=time_of(job_id), reason=str(error))


def queue_depths(store: ObjectStore, ledger: Ledger) -> list[QueueDepth]:
    """Of every model that was ever served here."""
    workers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for worker in ledger.workers():
        workers[worker["model"]].append(worker)
    aliases = {key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.list("models/")} | set(workers)
    return [_queue_depth(ledger.client, alias, workers[alias]) for alias in sorted(aliases)]


def _queue_depth(client: redis.Redis, alias: str, workers: Sequence[Mapping[str, Any]]) -> QueueDepth:
    """`workers` are those of this model, in their own words."""
    return QueueDepth(
        model=alias,
        **{priority.value: _length(client, alias, priority) for priority in Priority},
        in_flight=sum(worker["running_shards"] for worker in workers),
        workers=len(workers),
        without_engine=sum(worker.get("engine_outage") is not None for worker in workers),
        engine_restarts=sum(worker.get("engine_restarts", 0) for worker in workers),
        last_engine_end=max(_ends(workers), key=lambda end: end.at, default=None),
    )


def _ends(workers: Iterable[Mapping[str, Any]]) -> Iterator[EngineEnd]:
    for worker in workers:
        if (reason := worker.get("last_engine_end")) is not None:
            yield EngineEnd(reason=reason, at=worker["last_engine_end_at"])


def _length(client: redis.Redis, alias: str, priority: Priority) -> int:
    return int(client.llen(queues.queue_name(alias, priority)))


def _overview(
    manifest: Manifest,
    controls: Controls,
    state: JobState,
    counts: Counts,
    settled_shards: int,
    running_shards: int | None,
    finished_at: datetime | None,
) -> JobOverview:
    return JobOverview(
        job_id=manifest.job_id,
        kind=manifest.spec.kind,
        state=state,
        rows=manifest.num_rows,
        counts=counts,
        shards=manifest.num_shards,
        settled_shards=settled_shards,
        running_shards=running_shards,
        paused=finished_at is None and controls.holds_back(datetime.now(UTC)),
        model=manifest.model.alias,
        priority=controls.priority,
        deadline=controls.deadline,
        created_at=manifest.created_at,
        finished_at=finished_at,
        source=manifest.source,
        retry_of=manifest.retry_of,
    )
