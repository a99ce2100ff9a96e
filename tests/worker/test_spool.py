"""A part that the store doesn't take waits on local disk, and its shard isn't run again for that."""

import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import Request
from jobs import layout
from jobs.manifest import Manifest
from jobs.outcome import Outcome, Usage
from jobs.shards import decode_part, encode_part
from jobs.stores import LocalStore, MemoryStore, ObjectStore, StoreUnavailable
from tests.worker.away_store import AwayStore
from tests.worker.fakes import Bench, FakeEngine, completion, fake_model, make_job, no_engine, rows
from worker import bootstrap
from worker.engine_messages import Result
from worker.settings import WorkerSettings
from worker.settle import Settler
from worker.settle_spooled import SpoolSettler
from worker.spool import Spool, SpooledPart, spool_folder

LIMIT_S = 10.0
FINE_USAGE = {"prompt_tokens": 3, "cached_tokens": 1, "output_tokens": 1}


class FullDisk(LocalStore):
    """A folder on which no file can have more than a few bytes: the kernel refuses the rest."""

    def put(self, key: str, body: bytes) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
        try:
            super().put(key, body)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass(slots=True)
class Machine:
    """A worker's settler, its spool on a disk, a store that can go away, and a job of one shard."""

    bench: Bench
    store: AwayStore
    manifest: Manifest
    stopping: threading.Event
    pool: ThreadPoolExecutor

    def spool(self, disk: ObjectStore) -> Spool:
        return Spool(disk, self.stopping, first_pause_s=0.001, max_pause_s=0.002)

    def settler(self, disk: ObjectStore) -> Settler:
        return Settler(self.store, self.bench.ledger, self.bench.dispatcher(), self.spool(disk))

    def worker(self, spool_root: Path) -> tuple[bootstrap.Worker, FakeEngine]:
        """A whole one, from which the store goes away as soon as its engine is asked."""

        def answer(_prompt: str, _request: Request) -> Result:
            self.store.is_away = True
            return completion("fine")

        model, engine = fake_model(answer)
        settings, send = WorkerSettings(spool=spool_root), self.bench.outbox.send
        return bootstrap.build(settings, self.store, self.bench.ledger, send, model, no_engine), engine

    def part(self) -> list[Outcome]:
        body = self.store.get(layout.part(self.manifest.job_id, 0)) or b""
        return decode_part(body, self.manifest.job_id, 0)

    def settle_left_behind(self, disk: ObjectStore) -> None:
        """What a worker does that starts later on this machine."""
        spool = self.spool(disk)
        settler = Settler(self.store, self.bench.ledger, self.bench.dispatcher(), spool)
        SpoolSettler(self.store, spool, settler).settle_all()


@pytest.fixture
def machine() -> Iterator[Machine]:
    store = AwayStore()
    bench = Bench(store=store)
    manifest = make_job(store, [rows("a", "b")])
    bench.ledger.open(manifest)
    with ThreadPoolExecutor(1) as pool:
        machine = Machine(bench, store, manifest, threading.Event(), pool)
        yield machine
        machine.stopping.set()


@pytest.fixture
def disk(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def _outcomes(by: str = "me") -> list[Outcome]:
    return [Outcome.ok(row_id, {"text": by}, Usage()) for row_id in ("r0", "r1")]


def _fine(row_id: str) -> Outcome:
    return Outcome.ok(row_id, {"text": "fine", "finish_reason": "stop"}, Usage(**FINE_USAGE))


def _spooled(manifest: Manifest) -> str:
    return SpooledPart(manifest.job_id, 0).key


def test_a_part_waits_on_disk_while_the_store_is_away_and_leaves_it_when_stored(
    machine: Machine, disk: LocalStore
) -> None:
    machine.store.is_away = True
    settled = machine.pool.submit(machine.settler(disk).settle, machine.manifest, 0, _outcomes())
    machine.store.wait_for_refusals(3)
    assert disk.get(_spooled(machine.manifest)) == encode_part(machine.manifest.job_id, 0, _outcomes())
    machine.store.is_away = False
    settled.result(LIMIT_S)
    assert machine.part() == _outcomes()
    assert machine.bench.ledger.settled(machine.manifest.job_id) == {0}
    assert list(disk.list("")) == []


def test_a_shard_whose_part_waits_is_still_its_workers_and_is_not_run_again(
    machine: Machine, tmp_path: Path
) -> None:
    ledger, job_id = machine.bench.ledger, machine.manifest.job_id
    worker, engine = machine.worker(tmp_path)
    ran = machine.pool.submit(worker.run_shard, job_id, 0)
    machine.store.wait_for_refusals(2)
    assert not ledger.hold(job_id, "0", "another worker", 15)
    machine.store.is_away = False
    ran.result(LIMIT_S)
    assert machine.part() == [_fine("r0"), _fine("r1")]
    assert len(engine.prompts) == 2
    assert ledger.hold(job_id, "0", "another worker", 15)


@pytest.mark.parametrize("make_disk", [FullDisk, lambda folder: LocalStore(folder / "a-file" / "spool")])
def test_a_disk_that_is_full_or_cannot_be_used_keeps_the_part_in_memory(
    machine: Machine, tmp_path: Path, make_disk: Callable[[Path], ObjectStore]
) -> None:
    (tmp_path / "a-file").touch()
    disk = make_disk(tmp_path)
    machine.store.is_away = True
    settled = machine.pool.submit(machine.settler(disk).settle, machine.manifest, 0, _outcomes())
    machine.store.wait_for_refusals(3)
    assert disk.get(_spooled(machine.manifest)) is None
    machine.store.is_away = False
    settled.result(LIMIT_S)
    assert machine.part() == _outcomes()


def test_a_worker_that_stops_gives_the_shard_back_uncounted_and_leaves_its_part_to_the_next(
    machine: Machine, tmp_path: Path
) -> None:
    ledger, job_id = machine.bench.ledger, machine.manifest.job_id
    worker, _ = machine.worker(tmp_path)
    ran = machine.pool.submit(worker.run_shard, job_id, 0)
    machine.store.wait_for_refusals(1)
    worker.drain.over.set()
    ran.result(LIMIT_S)
    assert not ledger.held(job_id, ["0"])
    assert ledger.count_attempt(job_id, 0) == 1, "this one is the first"
    machine.store.is_away = False
    disk = spool_folder(tmp_path, machine.store)
    machine.settle_left_behind(disk)
    assert machine.part() == [_fine("r0"), _fine("r1")]
    assert ledger.settled(job_id) == {0}
    assert list(disk.list("")) == []


def test_what_was_left_behind_never_replaces_a_part_that_is_there(machine: Machine, disk: LocalStore) -> None:
    machine.settler(disk).settle(machine.manifest, 0, _outcomes("winner"))
    disk.put(_spooled(machine.manifest), encode_part(machine.manifest.job_id, 0, _outcomes("late")))
    machine.settle_left_behind(disk)
    assert machine.part() == _outcomes("winner")
    assert list(disk.list("")) == []


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("20260101t000000-00000001/00000000.jsonl", b'{"format": 1, "job_id"'),
        ("20260101t000000-00000001/00000000.jsonl", encode_part("20260101t000000-00000001", 0, [])),
        ("20260101t000000-00000001/00000009.jsonl", encode_part("20260101t000000-00000001", 9, [])),
        ("20260101t000000-00000009/00000000.jsonl", encode_part("20260101t000000-00000009", 0, [])),
        ("Not A Job/00000000.jsonl", b"x"),
    ],
    ids=["torn", "too few rows", "no such shard", "no such job", "no job's name"],
)
def test_what_was_left_behind_and_fits_no_job_is_dropped_and_keeps_no_other_waiting(
    machine: Machine, disk: LocalStore, key: str, body: bytes
) -> None:
    other = make_job(machine.store, [rows("c")], job_id="20270101t000000-00000002")
    outcomes = [Outcome.ok("r0", {"text": "kept"}, Usage())]
    disk.put(f"{other.job_id}/00000000.jsonl", encode_part(other.job_id, 0, outcomes))
    disk.put(key, body)
    machine.settle_left_behind(disk)
    assert list(disk.list("")) == []
    assert not machine.store.exists(layout.part(machine.manifest.job_id, 0))
    assert machine.store.exists(layout.part(other.job_id, 0))


def test_what_was_left_behind_stays_while_the_store_is_away(machine: Machine, disk: LocalStore) -> None:
    body = encode_part(machine.manifest.job_id, 0, _outcomes())
    disk.put(_spooled(machine.manifest), body)
    machine.store.is_away = True
    with pytest.raises(StoreUnavailable):
        machine.settle_left_behind(disk)
    assert disk.get(_spooled(machine.manifest)) == body


def test_workers_of_two_stores_do_not_see_each_others_parts(tmp_path: Path) -> None:
    spool_folder(tmp_path / "spool", MemoryStore("one")).put("job/00000000.jsonl", b"x")
    assert list(spool_folder(tmp_path / "spool", MemoryStore("two")).list("")) == []
    assert list(spool_folder(tmp_path / "spool", MemoryStore("one")).list("")) == ["job/00000000.jsonl"]
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0, "results are nobody else's to read"


def test_each_try_to_store_a_part_is_told_for_it_is_progress_of_the_shard(machine: Machine) -> None:
    tries: list[SpooledPart] = []
    spool = Spool(on_try=tries.append, first_pause_s=0.001)
    answers = iter([StoreUnavailable("away"), StoreUnavailable("away"), None])

    def store_it() -> None:
        if (error := next(answers)) is not None:
            raise error

    spool.until_stored("job-1", 7, b"part", store_it)
    assert tries == [SpooledPart("job-1", 7)] * 3


def test_a_part_that_takes_long_to_store_comes_on_disk_meanwhile_and_leaves_it(disk: LocalStore) -> None:
    spool = Spool(disk)
    part = SpooledPart("20260101t000000-00000001", 7)

    def store_it() -> str:
        spool.keep_slow()
        assert list(disk.list("")) == [], "most parts are stored before the next look"
        spool.keep_slow()
        spool.keep_slow()
        assert disk.get(part.key) == b"part"
        assert list(spool.left_behind()) == []
        return "stored"

    assert spool.until_stored(part.job_id, part.shard_no, b"part", store_it) == "stored"
    assert list(disk.list("")) == []
    spool.keep_slow()
    assert list(disk.list("")) == []
