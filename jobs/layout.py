"""Where everything lies in the object store (the one place that makes keys)."""

from jobs.manifest import JobState, ResultFormat
from jobs.names import check_name

OPEN_PREFIX = "open/"
SUBMITTING_PREFIX = "submitting/"
JOBS_PREFIX = "jobs/"
DEAD_PREFIX = "dead/"


def open_marker(job_id: str) -> str:
    return f"{OPEN_PREFIX}{check_name(job_id)}"


def submitting_marker(job_id: str) -> str:
    """Of a job that isn't whole yet: it is there from before the first shard until the job is open."""
    return f"{SUBMITTING_PREFIX}{check_name(job_id)}"


def model(alias: str) -> str:
    return f"models/{check_name(alias)}.json"


def idempotency(digest: str) -> str:
    return f"idempotency/{check_name(digest)}"


def job_prefix(job_id: str) -> str:
    return f"{JOBS_PREFIX}{check_name(job_id)}/"


def manifest(job_id: str) -> str:
    return f"{job_prefix(job_id)}manifest.json"


def control_prefix(job_id: str) -> str:
    return f"{job_prefix(job_id)}control/"


def control(job_id: str, name: str) -> str:
    return f"{control_prefix(job_id)}{check_name(name)}.json"


def shards_prefix(job_id: str) -> str:
    return f"{job_prefix(job_id)}shards/"


def shard(job_id: str, shard_no: int) -> str:
    return f"{shards_prefix(job_id)}{shard_no:08}.jsonl"


def calibration_sample(job_id: str) -> str:
    """Texts of the job's rows, from which a classification's prior is learned."""
    return f"{job_prefix(job_id)}calibration/sample.jsonl"


def calibration_prior(job_id: str) -> str:
    return f"{job_prefix(job_id)}calibration/prior.json"


def sources_prefix(job_id: str) -> str:
    return f"{job_prefix(job_id)}sources/"


def source(job_id: str, row_no: int) -> str:
    """A local document's copy; numbered, because its own name is the user's and may be anything."""
    return f"{sources_prefix(job_id)}{row_no:08}"


def head(job_id: str, name: str) -> str:
    """A file of the fitted head that a job classifies with."""
    return f"{job_prefix(job_id)}{check_name(name)}"


def parts_prefix(job_id: str) -> str:
    return f"{job_prefix(job_id)}parts/"


def part(job_id: str, shard_no: int) -> str:
    return f"{parts_prefix(job_id)}{shard_no:08}.jsonl"


def checkpoints_prefix(job_id: str) -> str:
    return f"{job_prefix(job_id)}checkpoints/"


def shard_checkpoints(job_id: str, shard_no: int) -> str:
    return f"{checkpoints_prefix(job_id)}{shard_no:08}/"


def checkpoint(job_id: str, shard_no: int, worker_id: str) -> str:
    """What one worker has finished of a shard."""
    return f"{shard_checkpoints(job_id, shard_no)}{check_name(worker_id)}.jsonl"


def damaged_part(job_id: str, shard_no: int) -> str:
    return f"{job_prefix(job_id)}damaged/{shard_no:08}.jsonl"


def dead_letters_prefix(job_id: str) -> str:
    """Not among the job's own, so that all there are can be listed at once."""
    return f"{DEAD_PREFIX}{check_name(job_id)}/"


def dead_letters(job_id: str, shard_no: int) -> str:
    return f"{dead_letters_prefix(job_id)}{shard_no:08}.json"


def results(job_id: str, result_format: ResultFormat) -> str:
    return f"{job_prefix(job_id)}results.{result_format}"


def errors(job_id: str) -> str:
    return f"{job_prefix(job_id)}errors.jsonl"


def report(job_id: str) -> str:
    return f"{job_prefix(job_id)}report.json"


def end_marker(job_id: str, state: JobState) -> str:
    return f"{job_prefix(job_id)}{state.marker}"
