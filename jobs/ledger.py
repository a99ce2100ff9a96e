"""The ledger: progress, leases and the send cursor of every job, in Redis.

It is a cache of what the object store proves, rebuilt from it by union after a loss; every write here
can be repeated without harm. Keys, all below `bydawn:`

    job:<id>          hash    shards, rows, cursor (next shard to send), state, and the sums of Counts
    settled:<id>      set     numbers of settled shards
    progress:<id>     hash    shard -> JSON of Counts, of shards that are running
    attempts:<id>     hash    shard -> how often running it broke; <shard>/device -> ... lost a device
    suspects:<id>     set     shards that were in an engine when it died
    lease:<id>/<n>    string  who runs shard <n> (or "finish", or "submit"); expires
    controls:<id>     hash    name -> body: a copy of the objects under `control/`
    worker:<id>       string  JSON of what a live worker tells; expires
    duty:<name>       string  the worker that reconciles now, or removes what is old or broken off; expires
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis

from jobs.manifest import JobState, Manifest
from jobs.outcome import Counts

_PREFIX = "bydawn:"
_ENDED_JOB_LIFE_S = 7 * 24 * 3600

# KEYS: job, settled, progress; ARGV: shard, then name and value of each count.
# Returns the number of settled shards, or -1 where the ledger doesn't know the job.
_SETTLE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then
  for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('HDEL', KEYS[3], ARGV[1])
return redis.call('SCARD', KEYS[2])
"""

# KEYS: settled, progress; ARGV: shard, JSON of its counts, life in seconds. Who runs a shard on that another
# worker has settled meanwhile says nothing new: its rows are counted.
_REPORT_PROGRESS = """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
"""

# KEYS: job, settled; ARGV: window. Moves the cursor over what may be sent now, and returns it.
_CLAIM = """
local cursor = tonumber(redis.call('HGET', KEYS[1], 'cursor') or '0')
local shards = tonumber(redis.call('HGET', KEYS[1], 'shards') or '0')
local settled = redis.call('SCARD', KEYS[2])
local claimed = {}
while cursor < shards and cursor - settled < tonumber(ARGV[1]) do
  if redis.call('SISMEMBER', KEYS[2], cursor) == 0 then table.insert(claimed, cursor) end
  cursor = cursor + 1
end
if shards > 0 then redis.call('HSET', KEYS[1], 'cursor', cursor) end
return claimed
"""

# KEYS: job, settled, then what an ended job doesn't need; ARGV: state, life in seconds. A job that isn't
# known stays so: a hash with nothing but its state would pass for a job.
_END = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'state', ARGV[1]) end
for i = 1, 2 do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
for i = 3, #KEYS do redis.call('DEL', KEYS[i]) end
"""

# KEYS: lease; ARGV: owner, life in seconds. True if the lease is the owner's now.
_HOLD = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""

# KEYS: lease; ARGV: owner. Gives up the lease if it is the owner's.
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job stands: `counts` of settled and running shards together."""

    state: JobState
    rows: int
    shards: int
    cursor: int
    settled_shards: int
    running_shards: int
    counts: Counts


class Ledger:
    """The only code that knows the Redis keys above. Raises redis.RedisError when Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._settle = client.register_script(_SETTLE)
        self._report_progress = client.register_script(_REPORT_PROGRESS)
        self._claim = client.register_script(_CLAIM)
        self._end = client.register_script(_END)
        self._hold = client.register_script(_HOLD)
        self._release = client.register_script(_RELEASE)

    def open(self, manifest: Manifest) -> None:
        """Make the job known; a job that is known keeps its progress."""
        fields = {"shards": manifest.num_shards, "rows": manifest.num_rows, "state": JobState.RUNNING.value}
        with self.client.pipeline(transaction=True) as pipe:
            for field, value in fields.items():
                pipe.hsetnx(_job(manifest.job_id), field, str(value))
            pipe.execute()

    def knows(self, job_id: str) -> bool:
        return bool(self.client.exists(_job(job_id)))

    def claim(self, job_id: str, window_shards: int) -> list[int]:
        """Shards that should be sent now, so that at most a window of them is sent and not settled."""
        claimed = self._claim(keys=[_job(job_id), _settled(job_id)], args=[window_shards])
        return [int(shard_no) for shard_no in cast("list[int]", claimed)]

    def settle(self, job_id: str, shard_no: int, counts: Counts) -> int | None:
        """Note that a shard has its part; returns how many have, None where the job isn't known."""
        pairs = [item for pair in counts.model_dump().items() for item in pair]
        keys = [_job(job_id), _settled(job_id), _progress(job_id)]
        settled = int(cast("int", self._settle(keys=keys, args=[shard_no, *pairs])))
        return None if settled < 0 else settled

    def settled(self, job_id: str) -> set[int]:
        return {int(shard_no) for shard_no in cast("set[str]", self.client.smembers(_settled(job_id)))}

    def report_progress(self, job_id: str, shard_no: int, counts: Counts) -> None:
        """Note what is done of a shard; of one that is settled it changes nothing."""
        keys = [_settled(job_id), _progress(job_id)]
        # It goes by itself, for the job may have ended a moment ago.
        self._report_progress(keys=keys, args=[shard_no, counts.model_dump_json(), _ENDED_JOB_LIFE_S])

    def forget_progress(self, job_id: str, shard_no: int) -> None:
        self.client.hdel(_progress(job_id), str(shard_no))

    def count_attempt(self, job_id: str, shard_no: int) -> int:
        """Note that running a shard broke; returns how often it has."""
        return self._count(job_id, str(shard_no))

    def count_lost_device(self, job_id: str, shard_no: int) -> int:
        """Note that a device was lost while a shard ran on it; returns how often that happened to it."""
        return self._count(job_id, f"{shard_no}/device")

    def _count(self, job_id: str, field: str) -> int:
        with self.client.pipeline(transaction=True) as pipe:
            pipe.hincrby(_key("attempts", job_id), field, 1)
            pipe.expire(_key("attempts", job_id), _ENDED_JOB_LIFE_S)  # the job may have ended a moment ago
            attempts, _ = pipe.execute()
        return int(attempts)

    def suspect(self, job_id: str, shard_no: int) -> None:
        """Note that an engine died with this shard in it, perhaps for another reason."""
        with self.client.pipeline(transaction=True) as pipe:
            pipe.sadd(_suspects(job_id), str(shard_no))
            pipe.expire(_suspects(job_id), _ENDED_JOB_LIFE_S)  # the job may have ended a moment ago
            pipe.execute()

    def is_suspect(self, job_id: str, shard_no: int) -> bool:
        return bool(self.client.sismember(_suspects(job_id), str(shard_no)))

    def clear_suspicion(self, job_id: str, shard_no: int) -> None:
        self.client.srem(_suspects(job_id), str(shard_no))

    def is_complete(self, job_id: str) -> bool:
        """Whether all shards of a job that hasn't ended are settled."""
        progress = self.progress(job_id)
        return (
            progress is not None
            and progress.state is JobState.RUNNING
            and progress.settled_shards == progress.shards
        )

    def progress(self, job_id: str) -> Progress | None:
        with self.client.pipeline(transaction=True) as pipe:
            pipe.hgetall(_job(job_id))
            pipe.scard(_settled(job_id))
            pipe.hvals(_progress(job_id))
            job, num_settled, running = pipe.execute()
        if not job:
            return None
        counts = Counts.model_validate({field: job.get(field, 0) for field in Counts.model_fields})
        for raw in running:
            counts += Counts.model_validate_json(raw)
        return Progress(
            state=JobState(job["state"]),
            rows=int(job["rows"]),
            shards=int(job["shards"]),
            cursor=int(job.get("cursor", 0)),
            settled_shards=num_settled,
            running_shards=len(running),
            counts=counts,
        )

    def end(self, job_id: str, state: JobState) -> None:
        """The job has its report: only the sums stay, for a week."""
        kept = [_job(job_id), _settled(job_id)]
        dropped = [_progress(job_id), _key("attempts", job_id), _controls(job_id), _suspects(job_id)]
        self._end(keys=kept + dropped, args=[state.value, _ENDED_JOB_LIFE_S])

    def forget(self, job_id: str) -> None:
        """Drop what is known of a job, so that it is rebuilt from the store."""
        self.client.delete(_job(job_id), _settled(job_id), _progress(job_id))

    def remove(self, job_id: str) -> None:
        """Drop all of a job that is gone from the store; leases go by themselves."""
        kinds = ("job", "settled", "progress", "attempts", "suspects", "controls")
        self.client.delete(*(_key(kind, job_id) for kind in kinds))

    def copy_controls(self, job_id: str, bodies: Mapping[str, str]) -> None:
        """Tell the workers at once what the objects under `control/` say for good."""
        with self.client.pipeline(transaction=True) as pipe:
            pipe.delete(_controls(job_id))
            for name, body in bodies.items():
                pipe.hset(_controls(job_id), name, body)
            if bodies:
                pipe.expire(_controls(job_id), _ENDED_JOB_LIFE_S)  # the job may have ended a moment ago
            pipe.execute()

    def controls(self, job_id: str) -> dict[str, str]:
        return cast("dict[str, str]", self.client.hgetall(_controls(job_id)))

    def hold(self, job_id: str, unit: str, owner: str, life_s: int) -> bool:
        """Take or renew the lease of a shard (or other unit); False while another owner has it."""
        return bool(self._hold(keys=[_lease(job_id, unit)], args=[owner, life_s]))

    def release(self, job_id: str, unit: str, owner: str) -> None:
        self._release(keys=[_lease(job_id, unit)], args=[owner])

    def held(self, job_id: str, units: list[str]) -> set[str]:
        """Those of `units` that have a live lease."""
        owners = self.client.mget([_lease(job_id, unit) for unit in units]) if units else []
        return {unit for unit, owner in zip(units, cast("list[str | None]", owners), strict=True) if owner}

    def hold_duty(self, name: str, owner: str, life_s: int) -> bool:
        """Take, or keep, what one worker does for all; False while it is another one's."""
        return bool(self._hold(keys=[_key("duty", name)], args=[owner, life_s]))

    def release_duty(self, name: str, owner: str) -> None:
        """Leave a duty to the next who asks; another one's is left alone."""
        self._release(keys=[_key("duty", name)], args=[owner])

    def tell_worker(self, worker_id: str, facts: dict[str, str | int | None], life_s: int) -> None:
        self.client.set(_key("worker", worker_id), json.dumps(facts), ex=life_s)

    def forget_worker(self, worker_id: str) -> None:
        self.client.delete(_key("worker", worker_id))

    def slots(self, alias: str) -> int:
        """How many shards the live workers of a model run at once."""
        return sum(int(worker["slots"]) for worker in self.workers() if worker["model"] == alias)

    def workers(self) -> Iterator[dict[str, Any]]:
        """What the live workers tell of themselves."""
        for key in self.client.scan_iter(match=f"{_PREFIX}worker:*", count=1000):
            if (raw := self.client.get(key)) is not None:
                yield json.loads(cast("str", raw))


def _key(kind: str, name: str) -> str:
    return f"{_PREFIX}{kind}:{name}"


def _job(job_id: str) -> str:
    return _key("job", job_id)


def _settled(job_id: str) -> str:
    return _key("settled", job_id)


def _progress(job_id: str) -> str:
    return _key("progress", job_id)


def _suspects(job_id: str) -> str:
    return _key("suspects", job_id)


def _controls(job_id: str) -> str:
    return _key("controls", job_id)


def _lease(job_id: str, unit: str) -> str:
    return _key("lease", f"{job_id}/{unit}")
