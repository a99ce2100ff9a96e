"""A GPU that fails under a worker: its shards come back, another engine does them, and operators see it."""

import json
from typing import Any

import pytest

from jobs.manifest import JobState
from tests.crash.bench import CrashBench
from tests.integration.commands import bydawn, wait_until

pytestmark = pytest.mark.integration

NUM_ROWS = 80


def test_every_row_ends_ok_on_a_fresh_engine_nothing_is_poison_and_the_restart_is_shown(
    crash_bench: CrashBench,
) -> None:
    job_id = crash_bench.submit(NUM_ROWS, shard_rows=10)
    with crash_bench.worker("only", 0.02) as worker, crash_bench.watch_parts(job_id) as parts:
        wait_until(lambda: len(worker.answered) > NUM_ROWS // 4, 60, "some rows done")
        worker.lose_device()
        report = crash_bench.end_of(job_id)
        assert (report.state, report.counts.ok) == (JobState.SUCCEEDED, NUM_ROWS)
        parts.assert_written_once(NUM_ROWS // 10)

        def queue() -> dict[str, Any]:
            (told,) = json.loads(bydawn("queues", "--json", env=crash_bench.env).stdout)
            return dict(told)

        wait_until(lambda: queue()["engine_restarts"] == 1, 20, "the restart is told")
        assert queue()["last_engine_end"]["reason"] == "device_lost"
        assert queue()["without_engine"] == 0
        shown = bydawn("queues", env=crash_bench.env).stdout
        assert "device_lost" in shown
        assert "action=engine_restart exit_code=3" in worker.said
    assert json.loads(bydawn("dead", "--json", env=crash_bench.env).stdout) == []
