"""Whoever writes of a job late, when it has ended and was removed, leaves nothing of it behind."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest

from jobs import layout
from jobs.calibration import Prior, freeze_prior
from jobs.control import PauseOrder, give_order
from jobs.dead_letters import record_dead_letters
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Report
from jobs.outcome import Code, Counts, Outcome, Usage
from jobs.papers import NoSuchJobError
from jobs.parts import read_part
from jobs.remove import remove
from jobs.shards import encode_part
from jobs.stores import MemoryStore
from producer.connection import Connection
from producer.keys import find_job
from producer.repair import repair
from tests.worker.fakes import Bench, make_job, rows
from worker.finish import Finisher
from worker.settle import Settler

JOB = "20260101t000000-00000001"
KEY_DIGEST = "2c70e12b7a0646f92279f427c7b38e7334d8e538"  # of "key"
DONE = [Outcome.ok("r0", {"text": "x"}, Usage())]
POISON = [Outcome.failed("r0", Code.POISON, "it died")]


class _StoreOfAnother(MemoryStore):
    """While a writer sleeps at a write under `sleeps_at`, another ends its job and removes it."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps_at = ""
        self.end_and_remove: Callable[[], None] = lambda: None

    def put(self, key: str, body: bytes) -> None:
        self._sleep(key)
        super().put(key, body)

    def create(self, key: str, body: bytes) -> bool:
        self._sleep(key)
        return super().create(key, body)

    def _sleep(self, key: str) -> None:
        if self.sleeps_at and self.sleeps_at in key:
            self.sleeps_at = ""
            self.end_and_remove()


def _end_and_remove(store: MemoryStore, ledger: Ledger, manifest: Manifest) -> None:
    now = datetime.now(UTC)
    report = Report(
        job_id=JOB, state="succeeded", rows=1, counts=Counts.of(DONE), failures=(), results="x", errors=None,
        created_at=now, finished_at=now,
    )  # fmt: skip
    store.put(layout.report(JOB), report.model_dump_json().encode())
    store.delete([layout.open_marker(JOB)])
    remove(store, ledger, manifest.job_id)


def _settle(bench: Bench, manifest: Manifest) -> None:
    Settler(bench.store, bench.ledger, bench.dispatcher()).settle(manifest, 0, DONE)


def _finish(bench: Bench, manifest: Manifest) -> None:
    bench.store.create(layout.part(JOB, 0), encode_part(JOB, 0, DONE))
    Finisher(bench.store, bench.ledger, bench.leases()).finish(JOB)


def _move_aside(bench: Bench, manifest: Manifest) -> None:
    bench.store.create(layout.part(JOB, 0), b"damaged")
    read_part(bench.store, manifest, 0)


def _repair(bench: Bench, _manifest: Manifest) -> None:
    with pytest.raises(NoSuchJobError, match="removed"):
        repair(Connection(bench.store, bench.ledger, bench.dispatcher()), JOB)


def _find(bench: Bench, _manifest: Manifest) -> None:
    assert find_job(bench.store, "key") is None


@pytest.mark.parametrize(
    ("write", "sleeps_at"),
    [
        (_settle, "/parts/"),
        (_finish, "/results"),
        (_finish, "/report"),
        (_finish, "/_SUCCESS"),
        (_move_aside, "/damaged/"),
        (lambda bench, _: freeze_prior(bench.store, JOB, Prior.nothing(2)), "/prior"),
        (lambda bench, _: record_dead_letters(bench.store, JOB, 0, POISON, datetime.now(UTC)), "dead/"),
        (lambda bench, _: give_order(bench.store, JOB, PauseOrder()), "/control/"),
        (_repair, "open/"),
        (_find, "open/"),
    ],
)
def test_what_is_written_after_the_removal_is_taken_back(
    write: Callable[[Bench, Manifest], object], sleeps_at: str
) -> None:
    store = _StoreOfAnother()
    bench = Bench(store=store)
    manifest = make_job(store, [rows("a")], job_id=JOB, idempotency_digest=KEY_DIGEST)
    store.put(layout.idempotency(KEY_DIGEST), JOB.encode())
    store.end_and_remove = lambda: _end_and_remove(store, bench.ledger, manifest)
    store.sleeps_at = sleeps_at
    write(bench, manifest)
    assert not store.sleeps_at, "it slept"
    assert list(store.list("")) == []
    assert bench.ledger.client.keys("*") == []


class _StoreOfARemoval(MemoryStore):
    """Somebody writes right before one of the removal's steps."""

    def __init__(self, steps_before: int) -> None:
        super().__init__()
        self._steps_left = steps_before
        self.has_written = False
        self.write: Callable[[], None] = lambda: None

    def delete(self, keys: Iterable[str]) -> None:
        found = [*keys]
        self._steps_left -= 1
        if self._steps_left == -1:
            self.write()
            self.has_written = True
        super().delete(found)


@pytest.mark.parametrize("step", range(4))
def test_what_is_written_while_the_removal_goes_on_goes_with_it(step: int) -> None:
    store = _StoreOfARemoval(steps_before=1 + step)  # the first is the job's end
    bench = Bench(store=store)
    manifest = make_job(store, [rows("a")], job_id=JOB)

    def write_late() -> None:
        _settle(bench, manifest)
        record_dead_letters(store, JOB, 0, POISON, datetime.now(UTC))

    store.write = write_late
    store.put(layout.report(JOB), b"{}")
    store.delete([layout.open_marker(JOB)])
    remove(store, bench.ledger, JOB)
    assert store.has_written
    assert list(store.list("")) == []
