"""`kill -9` of either of two workers, again and again, at moments that nobody chose."""

import random
import time
from contextlib import ExitStack

import pytest

from jobs.manifest import JobState
from tests.crash.bench import CrashBench, StubWorker
from tests.integration.commands import wait_until

pytestmark = pytest.mark.integration

NUM_KILLS = 8
NUM_ROWS = 1500
SHARD_ROWS = 20
NUM_SHARDS = NUM_ROWS // SHARD_ROWS
ANSWER_S = 0.08  # so slow that the job outlasts all kills, however long workers take to start
LONGEST_LIFE_S = 1.5


class Pair:
    """Two workers; one that is killed is replaced at once."""

    def __init__(self, bench: CrashBench, stack: ExitStack) -> None:
        self._bench = bench
        self._stack = stack
        self._num_started = 0
        self._workers = [self._start(), self._start()]

    def kill(self, index: int, successor_answer_s: float) -> None:
        victim = self._workers[index]
        victim.process.kill()
        victim.process.wait()
        self._workers[index] = self._start(successor_answer_s)

    def _start(self, answer_s: float = ANSWER_S) -> StubWorker:
        self._num_started += 1
        return self._stack.enter_context(self._bench.worker(f"worker{self._num_started}", answer_s))


def test_eight_kills_of_two_workers_lose_no_row_and_touch_no_part(crash_bench: CrashBench) -> None:
    draw = random.Random(5)
    job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
    with ExitStack() as stack:
        parts = stack.enter_context(crash_bench.watch_parts(job_id))
        pair = Pair(crash_bench, stack)
        for kills_left in reversed(range(NUM_KILLS)):
            time.sleep(draw.uniform(0, LONGEST_LIFE_S))  # not a wait: the moment of a death
            num_before = len(parts.changes)
            # The last one's successor is quick, for the rest is only to be brought to its end.
            pair.kill(draw.randrange(2), ANSWER_S if kills_left else 0.0)
        assert num_before < NUM_SHARDS, "the last kill came in the middle of the job"
        wait_until(lambda: len(parts.changes) > num_before, 30, "the work to go on")
        report = crash_bench.end_of(job_id, timeout_s=120)
        parts.assert_written_once(NUM_SHARDS)
    assert report.state is JobState.SUCCEEDED, "no row failed, so none is poison"
    assert report.counts.ok == report.rows == NUM_ROWS
    assert sorted(map(int, crash_bench.results(job_id))) == list(range(NUM_ROWS))
    assert list(crash_bench.store.list("dead/")) == []
