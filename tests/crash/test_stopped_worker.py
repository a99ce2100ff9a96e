"""A worker that is stopped past its lease and continued meets its successor's part, and agrees with it."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from engine import Request
from jobs import layout
from jobs.manifest import JobState, Manifest
from jobs.papers import read_report
from jobs.remove import remove
from jobs.shards import decode_part
from tests.worker.fakes import Answer, Bench, completion, fake_model, make_job, no_engine, rows
from worker import bootstrap
from worker.engine_messages import Result
from worker.reconcile import Reconciler
from worker.settings import WorkerSettings
from worker.settle import Settler

LIMIT_S = 10.0


class Pair:
    """Two workers over one store and one ledger; the first is stopped in the middle of its shard."""

    def __init__(self, pool: ThreadPoolExecutor, spool: Path) -> None:
        self.bench = Bench()
        self.manifest: Manifest = make_job(self.bench.store, [rows("a", "b")])
        self.bench.dispatcher().start(self.manifest)
        self.bench.outbox.take()
        self.settler = Settler(self.bench.store, self.bench.ledger, self.bench.dispatcher())
        self._is_running = threading.Event()
        self._goes_on = threading.Event()
        self._pool = pool
        self._spool = spool

    def start_first_and_stop_it(self) -> "Future[None]":
        def answer(_prompt: str, _request: Request) -> Result:
            self._is_running.set()
            assert self._goes_on.wait(LIMIT_S)
            return completion("of the first")

        ran = self._pool.submit(self.worker("first", answer).run_shard, self.manifest.job_id, 0)
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
        self.worker("second", lambda *_: completion("of the second")).run_shard(self.manifest.job_id, 0)

    def continue_first(self, ran: "Future[None]") -> None:
        self._goes_on.set()
        ran.result(LIMIT_S)

    def texts(self) -> list[object]:
        body = self.bench.store.get(layout.part(self.manifest.job_id, 0)) or b""
        return [(each.result or {})["text"] for each in decode_part(body, self.manifest.job_id, 0)]

    def worker(self, name: str, answer: Answer) -> bootstrap.Worker:
        model, _ = fake_model(answer)
        settings = WorkerSettings(spool=self._spool / name)
        return bootstrap.build(
            settings, self.bench.store, self.bench.ledger, self.bench.outbox.send, model, no_engine
        )

    def check_end(self) -> None:
        """Everybody counts two rows of one part."""
        report = read_report(self.bench.store, self.manifest.job_id)
        progress = self.bench.ledger.progress(self.manifest.job_id)
        assert report is not None
        assert progress is not None
        assert report.counts == progress.counts
        assert (report.state, report.counts.ok, progress.settled_shards) == (JobState.SUCCEEDED, 2, 1)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ThreadPoolExecutor(1) as pool:
        yield Pair(pool, tmp_path)


def test_continued_after_its_successor_has_settled_it_adopts_that_part(pair: Pair) -> None:
    ran = pair.start_first_and_stop_it()
    pair.outlast_its_lease()
    pair.run_second()
    pair.continue_first(ran)
    assert pair.texts() == ["of the second"] * 2
    pair.check_end()


def test_continued_before_its_successor_settles_its_own_part_stands(pair: Pair) -> None:
    ran = pair.start_first_and_stop_it()
    pair.outlast_its_lease()

    def answer(_prompt: str, _request: Request) -> Result:
        if not ran.done():
            pair.continue_first(ran)
            assert pair.bench.ledger.held(pair.manifest.job_id, ["0"]), "not the first's to give up any more"
        return completion("of the second")

    pair.worker("second", answer).run_shard(pair.manifest.job_id, 0)
    assert pair.texts() == ["of the first"] * 2
    pair.check_end()


def test_continued_after_the_job_was_removed_it_leaves_nothing_of_it(pair: Pair) -> None:
    ran = pair.start_first_and_stop_it()
    pair.outlast_its_lease()
    pair.run_second()
    remove(pair.bench.store, pair.bench.ledger, pair.manifest.job_id)
    pair.continue_first(ran)
    assert list(pair.bench.store.list("")) == []
    assert pair.bench.ledger.settled(pair.manifest.job_id) == set()
