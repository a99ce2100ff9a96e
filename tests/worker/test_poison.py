"""Engines that are real processes: the row that kills them is found, and a signal's victims go free."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from engine import EngineConfig
from engine.tokenizer import Tokenizer
from jobs import layout
from jobs.dead_letters import list_dead_letters
from jobs.manifest import Manifest
from jobs.outcome import Code, Outcome, Status
from jobs.shards import decode_part
from jobs.spec import EmbedSpec
from tests.worker import stub_engine
from tests.worker.fakes import FINGERPRINT, Bench, FakeTokenizer, make_job, rows
from worker.engine_process import EngineProcess
from worker.model import Model
from worker.outage import Outage
from worker.quarantine import Quarantine
from worker.retry import MAX_LOST_DEVICES

pytestmark = pytest.mark.integration


class Worker:
    """One worker with real engine processes that leave their traces in a folder."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self._folder = folder
        self._engines: list[EngineProcess] = []
        self.engine = self._start()
        tokenizer = FakeTokenizer()
        tokenizer.words.extend(stub_engine.WORDS)
        model = Model("tiny", FINGERPRINT, 100, cast("Tokenizer", tokenizer), self.engine)
        self.quarantine = Quarantine(bench.store, bench.ledger, self._start)
        outage = Outage(lambda: self.engine.life)
        self.runner = bench.runner(model, quarantine=self.quarantine, outage=outage)

    def run_until_settled(self, manifest: Manifest, max_tries: int) -> list[Outcome]:
        """As the reconciler would: the shard is sent again whenever it was given back."""
        for _ in range(max_tries):
            self._wait_for_engines()
            self.runner.run(manifest.job_id, 0)
            if (body := self.bench.store.get(layout.part(manifest.job_id, 0))) is not None:
                return decode_part(body, manifest.job_id, 0)
        raise AssertionError(f"not settled after {max_tries} tries")

    def _wait_for_engines(self) -> None:
        deadline_s = time.monotonic() + 60
        while any(engine.life.outage for engine in self._engines) and time.monotonic() < deadline_s:
            time.sleep(0.02)

    def close(self) -> None:
        self.quarantine.close()
        self.engine.close()

    def _start(self) -> EngineProcess:
        self._engines.append(EngineProcess(EngineConfig(model=str(self._folder)), stub_engine.main))
        return self._engines[-1]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(Bench(), tmp_path)
    yield worker
    worker.close()


def _job(worker: Worker, *texts: str) -> Manifest:
    manifest = make_job(worker.bench.store, [rows(*texts)], spec=EmbedSpec())
    worker.bench.ledger.open(manifest)
    return manifest


def test_a_row_that_kills_the_engine_ends_alone_as_poison_within_a_few_deaths(
    worker: Worker, tmp_path: Path
) -> None:
    texts = [f"fine {n}" for n in range(16)]
    texts[11] = "die"
    manifest = _job(worker, *texts)
    outcomes = worker.run_until_settled(manifest, max_tries=2)
    assert [outcome.id for outcome in outcomes] == [f"r{n}" for n in range(16)]
    assert {n: outcome.code for n, outcome in enumerate(outcomes) if outcome.status is not Status.OK} == {
        11: Code.POISON
    }
    (letters,) = list_dead_letters(worker.bench.store)
    assert [row.id for row in letters.rows] == ["r11"]
    assert 3 <= len(list(tmp_path.glob("died *"))) <= 1 + 4 + 2, "once with the others, then in quarantine"


def test_when_a_device_is_lost_its_rows_end_ok_on_the_next_engine_and_nothing_is_poison(
    worker: Worker, tmp_path: Path
) -> None:
    manifest = _job(worker, "fine 1", "lose", "fine 2", "fine 3")
    outcomes = worker.run_until_settled(manifest, max_tries=2)
    assert [outcome.status for outcome in outcomes] == [Status.OK] * 4
    assert len(list(tmp_path.glob("lost *"))) == 2, "one device was lost, the next engine answered"
    assert worker.engine.life.num_restarts == 1
    assert list(list_dead_letters(worker.bench.store)) == []


def test_a_row_that_costs_a_device_each_time_ends_in_the_end_and_is_not_poison(
    worker: Worker, tmp_path: Path
) -> None:
    (tmp_path / "losses").write_text("1000")
    manifest = _job(worker, "fine 1", "lose")
    outcomes = worker.run_until_settled(manifest, max_tries=MAX_LOST_DEVICES)
    assert outcomes[1].code is Code.ENGINE_ERROR
    assert "device was lost" in str(outcomes[1].message)
    assert len(list(tmp_path.glob("lost *"))) == MAX_LOST_DEVICES
    assert list(list_dead_letters(worker.bench.store)) == []


def test_engines_that_are_killed_from_outside_condemn_nobody(worker: Worker, tmp_path: Path) -> None:
    manifest = _job(worker, "fine 1", "wait", "fine 2", "fine 3")
    killer = threading.Thread(target=_kill_each_engine_that_waits, args=(tmp_path,))
    killer.start()
    outcomes = worker.run_until_settled(manifest, max_tries=2)
    killer.join()
    assert [outcome.status for outcome in outcomes] == [Status.OK] * 4
    assert len(list(tmp_path.glob("waits *"))) == stub_engine.NUM_WAITS + 1, "that many died, one answered"
    assert list(list_dead_letters(worker.bench.store)) == []


def _kill_each_engine_that_waits(folder: Path) -> None:
    killed: set[int] = set()
    deadline_s = time.monotonic() + 60
    while len(killed) < stub_engine.NUM_WAITS and time.monotonic() < deadline_s:
        for pid in {int(path.name.split()[1]) for path in folder.glob("waits *")} - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.01)
