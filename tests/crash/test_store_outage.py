"""The S3 server out of reach when a part is due: the part waits, and the shard is not run again."""

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from engine import Request
from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import JobState, Manifest
from jobs.outcome import Outcome, Usage
from jobs.shards import decode_part
from jobs.stores import ObjectStore
from tests.crash import spooling_worker
from tests.crash.spooling_worker import hasty_store
from tests.integration.commands import wait_until
from tests.proxy import TcpProxy, tcp_proxy
from tests.servers import S3Server
from tests.worker.fakes import Outbox, completion, fake_ledger, fake_model, make_job, no_engine, rows
from worker import bootstrap
from worker.engine_messages import Result
from worker.reconcile import Reconciler
from worker.settings import WorkerSettings
from worker.settle import Settler
from worker.settle_spooled import SpoolSettler
from worker.spool import Spool, spool_folder

pytestmark = pytest.mark.integration

LEASE_LIFE_S = 2
LIMIT_S = 20.0


@pytest.fixture
def proxy(s3_endpoint: S3Server) -> Iterator[TcpProxy]:
    with tcp_proxy(s3_endpoint.port) as proxy:
        yield proxy


@pytest.fixture
def prefix() -> str:
    return f"outage/{uuid4().hex}"


@pytest.fixture
def ledger(valkey_url: str) -> Iterator[Ledger]:
    with redis.Redis.from_url(valkey_url.replace("/0", "/7"), decode_responses=True) as client:
        client.flushdb()
        yield Ledger(client)


def _part(store: ObjectStore, manifest: Manifest) -> list[Outcome]:
    return decode_part(store.get(layout.part(manifest.job_id, 0)) or b"", manifest.job_id, 0)


def test_an_outage_longer_than_a_lease_costs_no_row_and_no_second_run(
    s3_endpoint: S3Server, proxy: TcpProxy, prefix: str, ledger: Ledger, tmp_path: Path
) -> None:
    behind_proxy, direct = hasty_store(s3_endpoint.through(proxy.port), prefix), s3_endpoint.store(prefix)
    outbox = Outbox()
    dispatcher = Dispatcher(ledger, outbox.send)
    manifest = make_job(direct, [rows("a", "b")])
    dispatcher.start(manifest)
    outbox.take()

    def answer(_prompt: str, _request: Request) -> Result:
        proxy.cut()
        return completion("fine")

    model, engine = fake_model(answer)
    settings = WorkerSettings(spool=tmp_path, lease_life_s=LEASE_LIFE_S)
    worker = bootstrap.build(settings, behind_proxy, ledger, outbox.send, model, no_engine)
    reconciler = Reconciler(direct, ledger, dispatcher, Settler(direct, ledger, dispatcher), "you", 5)
    worker.start()
    with closing(worker), ThreadPoolExecutor(1) as pool:
        ran = pool.submit(worker.run_shard, manifest.job_id, 0)
        wait_until(lambda: list(tmp_path.rglob("*.jsonl")), LIMIT_S, "the part on local disk")
        # Nothing happens that could be waited for: this is the time in which nothing may.
        assert not threading.Event().wait(LEASE_LIFE_S * 1.5)
        for _ in range(3):
            reconciler.reconcile_all()
        assert outbox.take() == [], "nobody else is asked to run it"
        proxy.heal()
        ran.result(LIMIT_S)
    assert len(_part(direct, manifest)) == len(engine.prompts) == 2
    assert direct.exists(layout.end_marker(manifest.job_id, JobState.SUCCEEDED))
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_part_of_a_worker_that_was_killed_in_an_outage_is_settled_by_the_next(
    s3_endpoint: S3Server, proxy: TcpProxy, prefix: str, tmp_path: Path
) -> None:
    server = s3_endpoint.through(proxy.port)
    manifest = make_job(s3_endpoint.store(prefix), [rows("a")])
    outcomes = [Outcome.ok("r0", {"text": "of the killed one"}, Usage(output_tokens=3))]
    proxy.cut()
    worker = multiprocessing.get_context("spawn").Process(
        target=spooling_worker.settle, args=(server, prefix, tmp_path, manifest, outcomes), daemon=True
    )
    worker.start()
    wait_until(lambda: list(tmp_path.rglob("*.jsonl")), LIMIT_S, "the part on local disk")
    worker.kill()
    worker.join()
    proxy.heal()

    store, ledger = hasty_store(server, prefix), fake_ledger()
    ledger.open(manifest)
    spool = Spool(spool_folder(tmp_path, store))
    outbox = Outbox()
    SpoolSettler(store, spool, Settler(store, ledger, Dispatcher(ledger, outbox.send), spool)).settle_all()
    assert _part(store, manifest) == outcomes
    assert outbox.take() == [f"{manifest.job_id}/finish"]
    assert not list(tmp_path.rglob("*.jsonl"))
