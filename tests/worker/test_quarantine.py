"""Suspect shards: who runs them, where, and what is left of it."""

import threading
from typing import cast

import pytest

from engine import ModelError, Request
from jobs import layout
from jobs.dead_letters import DeadLetters, list_dead_letters
from jobs.manifest import Manifest
from jobs.outcome import Code, Outcome, Status
from jobs.shards import decode_part
from jobs.stores import MemoryStore
from tests.worker.fakes import (
    Answer,
    Bench,
    FakeEngine,
    FakeTokenizer,
    completion,
    fake_model,
    make_job,
    rows,
)
from worker.engine_messages import Result
from worker.engine_process import EngineDied
from worker.quarantine import ClosableEngine, Quarantine
from worker.retry import MAX_ATTEMPTS


def _answer(prompt: str, _request: Request) -> "Result | Exception | None":
    return EngineDied("died") if "poison" in prompt else completion("fine")


class Closable(FakeEngine):
    """An engine that knows whether it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


class ListingStore(MemoryStore):
    """Remembers who was on the dead-letter list whenever something was created."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[list[DeadLetters]] = []

    def create(self, key: str, body: bytes) -> bool:
        self.listed.append(list(list_dead_letters(self)))
        return super().create(key, body)


class Worker:
    """A worker with a quarantine whose engines a test can look at."""

    def __init__(self, bench: Bench, answer: Answer = _answer) -> None:
        self.bench = bench
        self._answer = answer
        model, self.engine = fake_model(answer)
        self._tokenizer = cast("FakeTokenizer", model.tokenizer)
        self.started: list[Closable] = []
        self.has_room = True
        self.quarantine = Quarantine(bench.store, bench.ledger, self._start)
        self.runner = bench.runner(model, quarantine=self.quarantine)

    def outcomes(self, manifest: Manifest, shard_no: int = 0) -> list[Outcome] | None:
        body = self.bench.store.get(layout.part(manifest.job_id, shard_no))
        return None if body is None else decode_part(body, manifest.job_id, shard_no)

    def _start(self) -> ClosableEngine:
        if not self.has_room:
            raise ModelError("no memory for it")
        self.started.append(Closable(self._answer, self._tokenizer))
        return self.started[-1]


@pytest.fixture
def worker() -> Worker:
    return Worker(Bench())


def _job(worker: Worker, *shards: tuple[str, ...]) -> Manifest:
    manifest = make_job(worker.bench.store, [rows(*texts) for texts in shards])
    worker.bench.ledger.open(manifest)
    return manifest


def test_a_shard_that_an_engine_died_with_is_given_back_and_run_in_quarantine(worker: Worker) -> None:
    manifest = _job(worker, ("a", "poison", "b"), ("c",))
    worker.runner.run(manifest.job_id, 0)
    assert worker.outcomes(manifest) is None
    assert not worker.bench.ledger.held(manifest.job_id, ["0"])
    assert worker.started == []

    num_prompts = len(worker.engine.prompts)
    worker.runner.run(manifest.job_id, 0)
    assert len(worker.engine.prompts) == num_prompts, "the others' engine has nothing to do with it"
    assert [outcome.code for outcome in worker.outcomes(manifest) or []] == [None, Code.POISON, None]

    worker.runner.run(manifest.job_id, 1)
    assert len(worker.engine.prompts) == num_prompts + 1, "who is no suspect runs with the others"


def test_dead_rows_are_on_the_list_before_their_shard_is_settled() -> None:
    store = ListingStore()
    worker = Worker(Bench(store))
    manifest = _job(worker, ("a", "poison", "b"))
    worker.bench.ledger.suspect(manifest.job_id, 0)
    worker.runner.run(manifest.job_id, 0)
    ((letters,),) = store.listed
    assert (letters.job_id, letters.shard_no) == (manifest.job_id, 0)
    assert [(row.id, row.code) for row in letters.rows] == [("r1", Code.POISON)]


def test_a_suspect_that_finds_the_quarantine_busy_is_given_back_uncounted() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait(_prompt: str, _request: Request) -> Result:
        asked.set()
        assert go_on.wait(10)
        return completion("fine")

    worker = Worker(Bench(), wait)
    manifest = _job(worker, ("a",), ("b",))
    for shard_no in (0, 1):
        worker.bench.ledger.suspect(manifest.job_id, shard_no)
    first = threading.Thread(target=worker.runner.run, args=(manifest.job_id, 0))
    first.start()
    assert asked.wait(10)
    for _ in range(MAX_ATTEMPTS + 1):
        worker.runner.run(manifest.job_id, 1)
    assert worker.outcomes(manifest, 1) is None
    go_on.set()
    first.join()
    worker.runner.run(manifest.job_id, 1)
    assert [outcome.status for outcome in worker.outcomes(manifest, 1) or []] == [Status.OK]
    assert len(worker.started) == 1, "the second suspect finds the first one's engine"


def test_where_a_second_engine_does_not_fit_a_suspect_runs_with_the_others_and_tries_count(
    worker: Worker,
) -> None:
    worker.has_room = False
    manifest = _job(worker, ("a",), ("b", "poison"))
    for shard_no in (0, 1):
        worker.bench.ledger.suspect(manifest.job_id, shard_no)
    worker.runner.run(manifest.job_id, 0)
    worker.runner.run(manifest.job_id, 0)
    assert [outcome.status for outcome in worker.outcomes(manifest, 0) or []] == [Status.OK]
    for _ in range(2 * MAX_ATTEMPTS):
        worker.runner.run(manifest.job_id, 1)
    assert [outcome.code for outcome in worker.outcomes(manifest, 1) or []][1] is Code.ENGINE_ERROR


def test_the_engine_of_an_empty_quarantine_is_closed_and_that_of_a_worker_that_ends(worker: Worker) -> None:
    manifest = _job(worker, ("a",))
    worker.bench.ledger.suspect(manifest.job_id, 0)
    worker.runner.run(manifest.job_id, 0)
    worker.quarantine.close_if_idle(linger_s=60)
    assert [engine.is_closed for engine in worker.started] == [False], "another suspect may come soon"
    worker.quarantine.close_if_idle(linger_s=0)
    assert [engine.is_closed for engine in worker.started] == [True]

    again = make_job(worker.bench.store, [rows("a")], job_id="20260101t000000-00000002")
    worker.bench.ledger.open(again)
    worker.bench.ledger.suspect(again.job_id, 0)
    worker.quarantine.close()
    worker.runner.run(again.job_id, 0)
    assert worker.outcomes(again) is None, "it is another worker's"
    assert worker.started[1].is_closed
