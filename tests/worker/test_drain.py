"""A worker that is told to stop begins nothing, and others get at once what it can't finish."""

import queue
import threading

import pytest

from engine import Request
from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.manifest import Manifest
from jobs.queues import Message
from jobs.stores import MemoryStore
from tests.worker.fakes import Bench, completion, fake_model, make_job, rows
from worker.drain import Drain
from worker.engine_messages import Result
from worker.leases import Leases

JOB = "20260101t000000-00000001"


def _job(bench: Bench, *texts: str) -> Manifest:
    manifest = make_job(bench.store, [rows(*texts)])
    bench.ledger.open(manifest)
    return manifest


@pytest.mark.parametrize(("timeout_s", "num_signals"), [(0, 1), (60, 2), (60, 5)])
def test_a_drain_is_over_when_its_time_is_up_or_at_the_second_signal(
    timeout_s: float, num_signals: int
) -> None:
    bench = Bench()
    drain = bench.drain(bench.leases(), timeout_s)
    for _ in range(num_signals):
        drain.on_signal()
    assert drain.over.wait(10)


def test_one_signal_leaves_what_runs_its_time() -> None:
    bench = Bench()
    drain = bench.drain(bench.leases(), timeout_s=60)
    assert not drain.over.wait(0.1)
    drain.on_signal()
    assert drain.has_begun
    assert not drain.over.wait(0.1)


def test_a_shard_that_comes_during_a_drain_is_sent_on_and_not_begun() -> None:
    bench = Bench()
    _job(bench, "a")
    leases = bench.leases()
    drain = bench.drain(leases)
    drain.on_signal()
    model, engine = fake_model(lambda *_: completion("x"))
    bench.runner(model, leases, drain).run(JOB, 0)
    assert engine.prompts == []
    assert bench.outbox.take() == [f"{JOB}/0"]
    assert not bench.ledger.held(JOB, ["0"])


def test_a_shard_that_ends_within_the_drain_is_settled() -> None:
    bench = Bench()
    _job(bench, "a")
    leases = bench.leases()
    drain = bench.drain(leases)

    def answer(_prompt: str, _request: Request) -> Result:
        drain.on_signal()
        return completion("x")

    bench.runner(fake_model(answer)[0], leases, drain).run(JOB, 0)
    assert bench.store.exists(layout.part(JOB, 0))
    assert bench.outbox.take() == [f"{JOB}/finish"]


def test_a_shard_that_outlasts_the_drain_is_given_back_and_no_attempt_is_counted() -> None:
    bench = Bench()
    _job(bench, "a", "hang")
    leases = bench.leases()
    drain = bench.drain(leases, timeout_s=0)

    def answer(prompt: str, _request: Request) -> Result | None:
        if "hang" not in prompt:
            return completion("x")
        drain.on_signal()
        return None

    model, engine = fake_model(answer)
    bench.runner(model, leases, drain).run(JOB, 0)
    assert not bench.store.exists(layout.part(JOB, 0))
    assert bench.outbox.take() == [f"{JOB}/0"]
    assert leases.num_held == 0
    assert bench.ledger.count_attempt(JOB, 0) == 1, "the first one"
    hanging = next(f for f, prompt in zip(engine.futures, engine.prompts, strict=True) if "hang" in prompt)
    assert hanging.cancelled()


def test_whoever_gets_what_was_given_back_finds_its_lease_free() -> None:
    bench = Bench()
    _job(bench, "a")
    leases = bench.leases()
    assert leases.take(JOB, "0")
    assert leases.take(JOB, "finish")
    taken: list[bool] = []

    def send(message: Message) -> None:
        taken.append(bench.leases("another").take(JOB, message.task_id.rpartition("/")[2]))

    drain = Drain(bench.store, leases, Dispatcher(bench.ledger, send), timeout_s=25)
    drain.give_back(JOB, "0")
    drain.give_back(JOB, "finish")
    assert taken == [True, True]


def _drained(bench: Bench, leases: Leases) -> int:
    """Drain in no time; returns the code that the process ends with."""
    codes: queue.SimpleQueue[int] = queue.SimpleQueue()
    drain = Drain(bench.store, leases, bench.dispatcher(), timeout_s=0, grace_s=0, end=codes.put)
    drain.start()
    drain.on_signal()
    return codes.get(timeout=10)


def test_a_thread_that_cannot_be_stopped_does_not_keep_its_shard() -> None:
    bench = Bench()
    _job(bench, "a")
    leases = bench.leases()
    assert leases.take(JOB, "0")
    assert _drained(bench, leases) == 0
    assert bench.outbox.take() == [f"{JOB}/0"]
    assert not bench.ledger.held(JOB, ["0"])


def test_a_store_that_does_not_answer_does_not_keep_a_process_from_its_end() -> None:
    released = threading.Event()

    class SilentStore(MemoryStore):
        def get(self, key: str) -> bytes | None:
            released.wait(30)
            return None

    bench = Bench(store=SilentStore())
    leases = bench.leases()
    assert leases.take(JOB, "0")
    assert _drained(bench, leases) == 0
    assert not bench.ledger.held(JOB, ["0"]), "the reconciler sends it again"
    released.set()
