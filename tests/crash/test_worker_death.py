"""`kill -9` of one of two workers that have the settings by default: how long its shards are nobody's."""

import time

import pytest

from jobs.manifest import JobState
from tests.crash.bench import CrashBench
from tests.integration.commands import wait_until

pytestmark = pytest.mark.integration

NUM_ROWS = 320
SHARD_ROWS = 40
NUM_SHARDS = NUM_ROWS // SHARD_ROWS  # as many as both run at once, so that the other one has room soon
PROMISED_S = 30.0


def test_a_killed_workers_shards_are_taken_by_the_other_one_within_half_a_minute(
    crash_bench: CrashBench,
) -> None:
    job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
    with (
        crash_bench.watch_parts(job_id) as parts,
        crash_bench.worker_with("reconciler", 0.02, {}) as killed,
        crash_bench.worker_with("other", 0.02, {}) as other,
    ):
        # The worse case: the one that is killed also does the reconciling.
        wait_until(lambda: killed.is_named(crash_bench.reconciler()), 60, "it does the reconciling")
        wait_until(lambda: crash_bench.held_by(killed), 60, "shards in its hands")
        killed.process.kill()
        killed.process.wait()
        killed_s = time.monotonic()
        lost = crash_bench.held_by(killed)
        assert lost, "it was killed with work in its hands"
        wait_until(lambda: lost & crash_bench.held_by(other), PROMISED_S, "the first in other hands")
        print(f"taken after {time.monotonic() - killed_s:.1f} s")
        report = crash_bench.end_of(job_id)
        assert (report.state, report.counts.ok) == (JobState.SUCCEEDED, NUM_ROWS)
        parts.assert_written_once(NUM_SHARDS)
