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
ANSWER_S = 0.02
LONGEST_LIFE_S = 1.5


class Pair:
    """Two workers; one that is killed is replaced at once."""

    def __init__(self, bench: CrashBench, stack: ExitStack) -> None:
        self._bench = bench
        self._stack = stack
        self._num_started = 0
        self._workers = [self._start(), self._start()]

    def kill(self, index: int) -> None:
        victim = self._workers[index]
        victim.process.kill()
        victim.process.wait()
        self._workers[index] = self._start()

    def _start(self) -> StubWorker:
        self._num_started += 1
        return self._stack.enter_context(self._bench.worker(f"worker{self._num_started}", ANSWER_S))


def parts(bench: CrashBench, job_id: str) -> dict[str, tuple[int, int]]:
    """Every part that there is, by name, and which file it is, written when."""
    folder = bench.folder / "store" / "jobs" / job_id / "parts"
    stats = {path.name: path.stat() for path in folder.glob("*.jsonl")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def test_eight_kills_of_two_workers_lose_no_row_and_touch_no_part(crash_bench: CrashBench) -> None:
    draw = random.Random(5)
    with ExitStack() as stack:
        pair = Pair(crash_bench, stack)
        job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
        seen: dict[str, tuple[int, int]] = {}
        for _ in range(NUM_KILLS):
            time.sleep(draw.uniform(0, LONGEST_LIFE_S))  # not a wait: the moment of a death
            seen = parts(crash_bench, job_id) | seen  # the first that was seen of each stays
            pair.kill(draw.randrange(2))
        assert len(seen) < NUM_ROWS // SHARD_ROWS, "the last kill came in the middle of the job"
        num_before = len(parts(crash_bench, job_id))
        wait_until(lambda: len(parts(crash_bench, job_id)) > num_before, 30, "the work to go on")
        report = crash_bench.end_of(job_id, timeout_s=120)
    assert report.state is JobState.SUCCEEDED, "no row failed, so none is poison"
    assert report.counts.ok == report.rows == NUM_ROWS
    assert sorted(map(int, crash_bench.results(job_id))) == list(range(NUM_ROWS))
    assert seen.items() <= parts(crash_bench, job_id).items(), "a part is never written twice"
    assert list(crash_bench.store.list("dead/")) == []
