"""A worker that dies after any single step of take, settle, finish and reconcile costs no row and no part."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import Request, RequestTooLong
from jobs import layout, queues
from jobs.dispatch import Dispatcher
from jobs.manifest import JobState, Manifest
from jobs.outcome import Counts
from jobs.papers import read_report
from jobs.queues import Message
from jobs.stores import MemoryStore
from tests.crash.steps import Death, Steps
from tests.worker.fakes import completion, fake_ledger, fake_model, make_job, no_engine, rows
from worker import bootstrap
from worker.engine_messages import Result
from worker.reconcile import Reconciler
from worker.settings import WorkerSettings
from worker.settle import Settler

MAX_ROUNDS = 6


class WatchfulStore(MemoryStore):
    """It counts how often each part was written, and knows whether one was ever touched again."""

    def __init__(self) -> None:
        super().__init__()
        self.created: Counter[str] = Counter()
        self.touched: set[str] = set()

    def create(self, key: str, body: bytes) -> bool:
        is_new = super().create(key, body)
        self.created[key] += is_new
        return is_new

    def put(self, key: str, body: bytes) -> None:
        self.touched.add(key)
        super().put(key, body)

    def delete(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        self.touched.update(keys)
        super().delete(keys)


class World:
    """What outlives workers: the store, Redis with its queues, and one submitted job."""

    def __init__(self, folder: Path) -> None:
        self.store = WatchfulStore()
        self.ledger = fake_ledger()
        self._queues = queues.queue_names("tiny")
        self.settings = WorkerSettings(spool=folder, alias="tiny")
        self.manifest: Manifest = make_job(
            self.store, [rows("a", "b"), rows("too long", start=2), rows("c", "d", start=3)]
        )
        for message in self._first_messages():
            self.send(message)
        self.store.touched.clear()

    @property
    def is_closed(self) -> bool:
        return not self.store.exists(layout.open_marker(self.manifest.job_id))

    def send(self, message: Message) -> None:
        body = {"headers": {"id": message.task_id}, "kwargs": message.kwargs}
        self.ledger.client.lpush(message.queue, json.dumps(body))

    def let_leases_lapse(self) -> None:
        """Time passes: nobody renews what a dead worker held."""
        held = self.ledger.client.keys("bydawn:lease:*"), self.ledger.client.keys("bydawn:duty:*")
        for key in (key for keys in held for key in cast("list[str]", keys)):
            self.ledger.client.delete(key)

    def lose_messages(self) -> None:
        self.ledger.client.delete(*self._queues)

    def live(self, dies_after: int) -> bool:
        """One worker's life, until the job is closed; False if it died before that."""
        steps = Steps(dies_after)
        store, ledger, send = steps.of(self.store), steps.of(self.ledger), steps.step(self.send)
        model, _ = fake_model(_answer)
        worker = bootstrap.build(self.settings, store, ledger, send, model, no_engine)
        dispatcher = Dispatcher(ledger, send, 2)
        settler = Settler(store, ledger, dispatcher)
        reconciler = Reconciler(store, ledger, dispatcher, settler, "me", interval_s=5)
        self.let_leases_lapse()
        try:
            for _ in range(MAX_ROUNDS):
                self._work(worker)
                if self.is_closed:
                    return True
                reconciler.reconcile_if_leader()
        except Death:
            return False
        raise AssertionError(f"the job isn't at its end after {MAX_ROUNDS} looks at it")

    def check_end(self) -> None:
        """Every row once, every part written once and never touched again, and everybody says the same."""
        job_id = self.manifest.job_id
        expected = Counts(ok=4, failed=1, prompt_tokens=12, cached_tokens=4, output_tokens=4)
        report = read_report(self.store, job_id)
        assert report is not None
        assert report.counts == expected
        assert report.state is JobState.PARTIAL
        assert self.store.exists(layout.end_marker(job_id, JobState.PARTIAL))
        assert _ids(self.store, report.results) == ["r0", "r1", "r3", "r4"]
        assert _ids(self.store, report.errors or "") == ["r2"]
        parts = [layout.part(job_id, shard_no) for shard_no in range(3)]
        assert [self.store.created[key] for key in parts] == [1, 1, 1]
        assert self.store.touched.isdisjoint(parts)
        progress = self.ledger.progress(job_id)
        assert progress is not None
        assert (progress.state, progress.settled_shards, progress.counts) == (JobState.PARTIAL, 3, expected)

    def _first_messages(self) -> "list[Message]":
        sent: list[Message] = []
        Dispatcher(self.ledger, sent.append, 2).start(self.manifest)
        return sent

    def _work(self, worker: bootstrap.Worker) -> None:
        """Everything that is queued; a message that is taken is gone, whatever becomes of the worker."""
        while raw := next(filter(None, map(self.ledger.client.rpop, self._queues)), None):
            arguments = json.loads(cast("str", raw))["kwargs"]
            if "shard_no" in arguments:
                worker.run_shard(arguments["job_id"], arguments["shard_no"])
            else:
                worker.finish(arguments["job_id"])


def _answer(prompt: str, _request: Request) -> "Result | Exception":
    return RequestTooLong("too long") if "too long" in prompt else completion("fine")


def _ids(store: MemoryStore, key: str) -> list[str]:
    return [json.loads(line)["id"] for line in (store.get(key) or b"").splitlines()]


@pytest.mark.parametrize("loses_messages", [False, True])
def test_a_death_after_any_single_step_is_made_good_by_the_next_worker(
    tmp_path: Path, loses_messages: bool
) -> None:
    for step in count(1):
        world = World(tmp_path / str(step))
        if world.live(dies_after=step):
            world.check_end()
            break
        if loses_messages:
            world.lose_messages()
        assert world.live(dies_after=10_000), f"the next worker after a death at step {step}"
        world.check_end()
    assert step > 30, "a job takes a good many steps"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(1, 40), max_size=5), is_wiped=st.booleans())
def test_any_number_of_deaths_and_a_wiped_redis_are_made_good(
    tmp_path: Path, deaths: list[int], is_wiped: bool
) -> None:
    world = World(tmp_path)
    for step in deaths:
        if world.live(dies_after=step):
            break
    if is_wiped and not world.is_closed:
        world.ledger.client.flushall()
    assert world.is_closed or world.live(dies_after=10_000)
    world.check_end()


def test_the_harness_sees_a_part_that_is_written_twice(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.live(dies_after=10_000)
    key = layout.part(world.manifest.job_id, 0)
    world.store.put(key, world.store.get(key) or b"")
    with pytest.raises(AssertionError):
        world.check_end()
