"""Sixteen workers race for one shard's part on a real S3 server: one wins, and all agree with it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.outcome import Counts, Outcome, Usage
from jobs.shards import decode_part
from jobs.stores import ObjectStore
from tests.servers import S3Server
from tests.worker.fakes import fake_ledger, make_job, rows
from worker.settle import Settler

pytestmark = pytest.mark.integration

NUM_WORKERS = 16
NUM_SHARDS = 3


class Racer:
    """One worker, with a store and a ledger of its own; its outcomes differ from all others'."""

    def __init__(self, number: int, store: ObjectStore, manifest: Manifest) -> None:
        self.ledger: Ledger = fake_ledger()
        self.ledger.open(manifest)
        self._number = number
        self._manifest = manifest
        self._settler = Settler(store, self.ledger, Dispatcher(self.ledger, lambda _: None))

    def outcomes(self, shard_no: int) -> list[Outcome]:
        usage = Usage(output_tokens=self._number)
        return [Outcome.ok(f"r{shard_no}", {"text": f"worker {self._number}"}, usage)]

    def settle(self, shard_no: int, start: threading.Barrier) -> None:
        start.wait()
        self._settler.settle(self._manifest, shard_no, self.outcomes(shard_no))

    def counts(self) -> Counts:
        progress = self.ledger.progress(self._manifest.job_id)
        assert progress is not None
        assert progress.settled_shards == NUM_SHARDS
        return progress.counts


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(NUM_WORKERS) as pool:
        yield pool


def test_of_sixteen_workers_one_wins_and_all_count_its_part(
    s3_endpoint: S3Server, pool: ThreadPoolExecutor
) -> None:
    prefix = f"race/{uuid4().hex}"
    manifest = make_job(s3_endpoint.store(prefix), [rows("t", start=n) for n in range(NUM_SHARDS)])
    racers = [Racer(number, s3_endpoint.store(prefix), manifest) for number in range(NUM_WORKERS)]
    standing: list[Outcome] = []
    for shard_no in range(NUM_SHARDS):
        start = threading.Barrier(NUM_WORKERS)
        list(pool.map(lambda racer: racer.settle(shard_no, start), racers))  # noqa: B023 - used up in here
        body = s3_endpoint.store(prefix).get(layout.part(manifest.job_id, shard_no)) or b""
        part = decode_part(body, manifest.job_id, shard_no)
        assert [racer.outcomes(shard_no) for racer in racers].count(part) == 1
        standing += part
    assert [racer.counts() for racer in racers] == [Counts.of(standing)] * NUM_WORKERS
