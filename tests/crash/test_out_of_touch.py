"""A worker that loses touch with Redis, or stands still, past its leases: nothing twice, and it goes on."""

import re
from collections.abc import Iterator

import pytest

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import JobState
from tests.crash.bench import CrashBench, StubWorker
from tests.integration.commands import wait_until
from tests.proxy import TcpProxy, tcp_proxy

pytestmark = pytest.mark.integration

NUM_ROWS = 160
SHARD_ROWS = 20
NUM_SHARDS = NUM_ROWS // SHARD_ROWS
NUM_HELD = 2  # shards that a worker runs at once
NUM_ROWS_HELD = NUM_HELD * SHARD_ROWS
LIMIT_S = 90.0


@pytest.fixture
def proxy(crash_bench: CrashBench) -> Iterator[TcpProxy]:
    with tcp_proxy(int(crash_bench.broker_url.rpartition(":")[2].partition("/")[0])) as proxy:
        yield proxy


@pytest.fixture
def url(crash_bench: CrashBench, proxy: TcpProxy) -> str:
    """Redis behind the proxy."""
    return re.sub(r":\d+/", f":{proxy.port}/", crash_bench.broker_url)


def _check_end(bench: CrashBench, job_id: str, num_shards: int = NUM_SHARDS) -> None:
    report = bench.end_of(job_id, LIMIT_S)
    assert report.state is JobState.SUCCEEDED
    assert report.counts.ok == report.rows == NUM_ROWS
    assert sorted(map(int, bench.results(job_id))) == list(range(NUM_ROWS))
    with bench.client as client:
        progress = Ledger(client).progress(job_id)
    assert progress is not None
    assert progress.counts == report.counts
    assert (progress.settled_shards, progress.running_shards) == (num_shards, 0)


def test_a_worker_whose_connections_break_under_its_shards_runs_none_of_them_twice(
    crash_bench: CrashBench, proxy: TcpProxy, url: str
) -> None:
    job_id = crash_bench.submit(NUM_ROWS, NUM_ROWS // NUM_HELD)
    with (
        crash_bench.watch_parts(job_id) as parts,
        # It has room for a third shard, so that it waits for one: that wait is what breaks.
        crash_bench.worker("worker", 0.04, BYDAWN_BROKER_URL=url, BYDAWN_CONCURRENCY="3") as worker,
    ):
        for number in (1, 2, 3):
            _wait_for_answers(worker, 5 * number)
            proxy.drop_connections()
            _wait_for_messages(worker, 2 * NUM_HELD)  # kombu hands it once more what it runs
        proxy.cut()
        wait_until(lambda: not crash_bench.leases(), LIMIT_S, "the end of its leases")
        proxy.heal()
        _check_end(crash_bench, job_id, NUM_HELD)
        assert len(worker.answered) == len(set(worker.answered)) == NUM_ROWS
        parts.assert_written_once(NUM_HELD)


@pytest.mark.parametrize("fault", ["cut", "stall", "stop"])
def test_a_worker_that_is_back_after_its_shards_ran_elsewhere_changes_nothing_and_goes_on(
    fault: str, crash_bench: CrashBench, proxy: TcpProxy, url: str
) -> None:
    job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
    with (
        crash_bench.watch_parts(job_id) as parts,
        crash_bench.worker("away", 0.1, BYDAWN_BROKER_URL=url) as away,
    ):
        _wait_for_answers(away, 5)
        worker, *its_engine = away.processes
        for each in its_engine:
            each.suspend()  # so that its shards end after the job, however slow this machine is
        {"cut": proxy.cut, "stall": proxy.stall, "stop": worker.suspend}[fault]()
        with crash_bench.worker("near", 0.0) as near:
            _check_end(crash_bench, job_id)
        report = crash_bench.store.get(layout.report(job_id))

        proxy.heal()
        for each in (worker, *its_engine):
            each.resume()
        _wait_for_answers(away, NUM_ROWS_HELD)
        assert set(away.answered) & set(near.answered), "both ran the same rows"
        next_id = crash_bench.submit(SHARD_ROWS, SHARD_ROWS)
        assert crash_bench.end_of(next_id, LIMIT_S).counts.ok == SHARD_ROWS, (
            "it goes on, for nobody else is there"
        )
        assert len(set(away.answered[:NUM_ROWS_HELD])) == NUM_ROWS_HELD, "and ran nothing twice"
        assert len(away.answered) == NUM_ROWS_HELD + SHARD_ROWS
        _check_end(crash_bench, job_id)
        assert crash_bench.store.get(layout.report(job_id)) == report
        parts.assert_written_once(NUM_SHARDS)


def test_an_idle_worker_whose_connections_died_in_silence_takes_the_next_job(
    crash_bench: CrashBench, proxy: TcpProxy, url: str
) -> None:
    with crash_bench.worker("worker", 0.0, BYDAWN_BROKER_URL=url) as worker:
        wait_until(lambda: " ready." in worker.said, LIMIT_S, "Celery's wait")
        proxy.stall()
        proxy.heal()  # for new connections; those that are open hear nothing any more
        job_id = crash_bench.submit(NUM_ROWS, SHARD_ROWS)
        _check_end(crash_bench, job_id)


def _wait_for_messages(worker: StubWorker, number: int) -> None:
    """By Celery's own log of what it takes off the queues."""
    wait_until(lambda: worker.said.count("] received") >= number, LIMIT_S, f"{number} messages")


def _wait_for_answers(worker: StubWorker, number: int) -> None:
    wait_until(lambda: len(worker.answered) >= number, LIMIT_S, f"{number} answers")
