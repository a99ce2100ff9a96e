"""A worker that is stopped past its lease and continued meets its successor's part, and agrees with it."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import pytest

from engine import Request
from jobs import layout
from jobs.manifest import JobState, Manifest
from jobs.papers import read_report
from jobs.shards import decode_part
from tests.worker.fakes import Answer, Bench, completion, fake_model, make_job, rows
from worker.engine_messages import Result
from worker.finish import Finisher
from worker.leases import Leases
from worker.reconcile import Reconciler
from worker.run_shard import ShardRunner
from worker.settle import Settler

LIMIT_S = 10.0


class Pair:
    """Two workers over one store and one ledger; the first is stopped in the middle of its shard."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.bench = Bench()
        self.manifest: Manifest = make_job(self.bench.store, [rows("a", "b")])
        self.bench.dispatcher().start(self.manifest)
        self.bench.outbox.take()
        self.settler = Settler(self.bench.store, self.bench.ledger, self.bench.dispatcher())
        self._is_running = threading.Event()
        self._goes_on = threading.Event()
        self._pool = pool

    def start_first_and_stop_it(self) -> "Future[None]":
        def answer(_prompt: str, _request: Request) -> Result:
            self._is_running.set()
            assert self._goes_on.wait(LIMIT_S)
            return completion("of the first")

        ran = self._pool.submit(self._runner("first", answer).run, self.manifest.job_id, 0)
        assert self._is_running.wait(LIMIT_S)
        return ran

    def outlast_its_lease(self) -> None:
        (key,) = cast("list[str]", self.bench.ledger.client.keys("bydawn:lease:*"))
        self.bench.ledger.client.delete(key)

    def run_second(self) -> None:
        """As the reconciler lets it: it sends the shard again when it has missed it twice."""
        reconciler = Reconciler(
            self.bench.store, self.bench.ledger, self.bench.dispatcher(), self.settler, "second", interval_s=5
        )
        reconciler.reconcile_all()
        reconciler.reconcile_all()
        assert self.bench.outbox.take() == [f"{self.manifest.job_id}/0"]
        runner = self._runner("second", lambda *_: completion("of the second"))
        runner.run(self.manifest.job_id, 0)

    def continue_first(self, ran: "Future[None]") -> None:
        self._goes_on.set()
        ran.result(LIMIT_S)

    def texts(self) -> list[object]:
        body = self.bench.store.get(layout.part(self.manifest.job_id, 0)) or b""
        return [(each.result or {})["text"] for each in decode_part(body, self.manifest.job_id, 0)]

    def finish(self) -> None:
        Finisher(self.bench.store, self.bench.ledger, Leases(self.bench.ledger, "first", 15)).finish(
            self.manifest.job_id
        )

    def _runner(self, name: str, answer: Answer) -> ShardRunner:
        model, _ = fake_model(answer)
        leases = Leases(self.bench.ledger, name, 15)
        return ShardRunner(self.bench.store, self.bench.ledger, leases, self.settler, model)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ThreadPoolExecutor(1) as pool:
        yield Pair(pool)


def _check_end(pair: Pair) -> None:
    pair.finish()
    report = read_report(pair.bench.store, pair.manifest.job_id)
    progress = pair.bench.ledger.progress(pair.manifest.job_id)
    assert report is not None
    assert progress is not None
    assert report.counts == progress.counts
    assert (report.state, report.counts.ok, progress.settled_shards) == (JobState.SUCCEEDED, 2, 1)


def test_continued_after_its_successor_has_settled_it_adopts_that_part(pair: Pair) -> None:
    ran = pair.start_first_and_stop_it()
    pair.outlast_its_lease()
    pair.run_second()
    pair.continue_first(ran)
    assert pair.texts() == ["of the second"] * 2
    _check_end(pair)


def test_continued_before_its_successor_settles_its_own_part_stands(pair: Pair) -> None:
    ran = pair.start_first_and_stop_it()
    pair.outlast_its_lease()
    model, _ = fake_model(lambda *_: completion("of the second"))
    leases = Leases(pair.bench.ledger, "second", 15)
    assert leases.take(pair.manifest.job_id, "0")
    pair.continue_first(ran)
    assert pair.bench.ledger.held(pair.manifest.job_id, ["0"]), (
        "the successor's lease is not the first's to give up"
    )
    leases.release(pair.manifest.job_id, "0")
    ShardRunner(pair.bench.store, pair.bench.ledger, leases, pair.settler, model).run(pair.manifest.job_id, 0)
    assert pair.texts() == ["of the first"] * 2
    _check_end(pair)
