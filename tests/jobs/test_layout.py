"""The keys that other programs rely on, and that all of a job lies in its folder."""

from jobs import layout
from jobs.manifest import JobState, ResultFormat

JOB = "20260101t000000-00000001"


def test_keys_are_what_the_design_promises() -> None:
    assert layout.open_marker(JOB) == f"open/{JOB}"
    assert layout.manifest(JOB) == f"jobs/{JOB}/manifest.json"
    assert layout.control(JOB, "cancel") == f"jobs/{JOB}/control/cancel.json"
    assert layout.shard(JOB, 42) == f"jobs/{JOB}/shards/00000042.jsonl"
    assert layout.part(JOB, 42) == f"jobs/{JOB}/parts/00000042.jsonl"
    assert layout.results(JOB, ResultFormat.PARQUET) == f"jobs/{JOB}/results.parquet"
    assert layout.errors(JOB) == f"jobs/{JOB}/errors.jsonl"
    assert layout.report(JOB) == f"jobs/{JOB}/report.json"
    for state in (JobState.PARTIAL, JobState.CANCELLED, JobState.EXPIRED):
        assert layout.end_marker(JOB, state) == f"jobs/{JOB}/_PARTIAL"
    assert layout.model("tiny") == "models/tiny.json"


def test_parts_are_listed_in_the_order_of_their_shards() -> None:
    keys = [layout.part(JOB, shard_no) for shard_no in (0, 9, 10, 99, 100, 12_345_678)]
    assert keys == sorted(keys)
    assert all(key.startswith(layout.parts_prefix(JOB)) for key in keys)


def test_a_jobs_folder_holds_no_other_jobs_keys() -> None:
    assert not layout.manifest(f"{JOB}0").startswith(layout.job_prefix(JOB))
