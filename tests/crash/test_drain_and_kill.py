"""Workers that are stopped or killed in the middle of a shard: what they had finished is not done again."""

import signal
import time
from collections import Counter

import pytest

from jobs.manifest import JobState
from jobs.queues import shard_task_id
from tests.crash.bench import CrashBench, StubWorker
from tests.integration.commands import wait_until

pytestmark = pytest.mark.integration

ANSWER_S = 0.05
NUM_ROWS = 240
SHARD_ROWS = 60
NUM_SHARDS = NUM_ROWS // SHARD_ROWS


def _end_s(worker: StubWorker) -> float:
    """How long it takes to end with code 0."""
    began_s = time.monotonic()
    assert worker.process.wait(timeout=60) == 0
    return time.monotonic() - began_s


def _check_end(bench: CrashBench, job_id: str) -> None:
    report = bench.end_of(job_id)
    assert report.state is JobState.SUCCEEDED
    assert sorted(map(int, bench.results(job_id))) == list(range(NUM_ROWS))
    assert not list(bench.store.list(f"jobs/{job_id}/checkpoints/"))


def test_a_worker_that_is_told_to_stop_gives_back_what_it_cannot_finish(crash_bench: CrashBench) -> None:
    with crash_bench.worker("drained", ANSWER_S, BYDAWN_DRAIN_TIMEOUT_S="0.5") as drained:
        job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
        wait_until(lambda: len(drained.answered) >= 10, 30, "ten answers")
        drained.process.send_signal(signal.SIGTERM)
        assert _end_s(drained) < 5
    finished = crash_bench.finished(job_id)
    assert 10 <= len(finished) < SHARD_ROWS * 2, "it was in the middle of two shards"
    assert not crash_bench.leases()
    assert crash_bench.queued(job_id) == {shard_task_id(job_id, shard_no) for shard_no in range(NUM_SHARDS)}

    with crash_bench.worker("successor", answer_s=0.0) as successor:
        _check_end(crash_bench, job_id)
        texts = {str(each.result["text"]) for each in finished.values() if each.result is not None}
        assert len(texts) == len(finished)
        assert not texts & set(successor.answered)
        assert len(successor.answered) == NUM_ROWS - len(finished)
        successor.process.send_signal(signal.SIGTERM)
        assert _end_s(successor) < 10, "it was idle: it waits for nothing, not even the 25 s of its drain"


def test_a_killed_worker_costs_what_it_did_since_its_last_checkpoint(crash_bench: CrashBench) -> None:
    with crash_bench.worker("killed", ANSWER_S) as killed:
        job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
        wait_until(lambda: len(crash_bench.finished(job_id)) >= 10, 30, "ten rows in checkpoints")
        killed.process.kill()
        killed.process.wait()
    finished = crash_bench.finished(job_id)
    assert len(finished) < SHARD_ROWS, "in the middle of a shard"

    with crash_bench.worker("hurried", ANSWER_S) as hurried:
        wait_until(lambda: len(hurried.answered) >= 10, 30, "ten more answers")
        hurried.process.send_signal(signal.SIGINT)
        # Signals that are sent at once may arrive as one.
        wait_until(lambda: "shutdown" in hurried.said, 10, "the first signal's arrival")
        hurried.process.send_signal(signal.SIGINT)
        assert _end_s(hurried) < 3, "the second signal hurries"
    finished_later = crash_bench.finished(job_id)
    assert len(finished_later) >= len(finished) + 9

    with crash_bench.worker("successor", answer_s=0.0) as successor:
        _check_end(crash_bench, job_id)
        asked = Counter(killed.answered + hurried.answered + successor.answered)
        assert set(asked) == set(crash_bench.results(job_id).values())
        assert all(asked[str(each.result["text"])] == 1 for each in finished.values() if each.result)
