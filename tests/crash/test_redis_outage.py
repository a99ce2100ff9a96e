"""Redis killed between a part and the ledger's note of it, and restarted empty: the part counts, once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.papers import read_report
from jobs.stores import MemoryStore
from tests.servers import free_ports, valkey_server
from tests.worker.fakes import Outbox, completion, fake_model, make_job, no_engine, rows
from worker import bootstrap
from worker.reconcile import Reconciler
from worker.settings import WorkerSettings
from worker.settle import Settler

pytestmark = pytest.mark.integration


class KillingStore(MemoryStore):
    """Right after a part has been put, it kills Redis."""

    def __init__(self, kill_redis: Callable[[], None]) -> None:
        super().__init__()
        self._kill_redis = kill_redis

    def create(self, key: str, body: bytes) -> bool:
        is_new = super().create(key, body)
        if "/parts/" in key:
            self._kill_redis()
        return is_new


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def ledger(port: int) -> Iterator[Ledger]:
    at_once = Retry(NoBackoff(), 0)
    with redis.Redis(port=port, decode_responses=True, retry=at_once) as client:
        yield Ledger(client)


def test_a_part_that_redis_never_heard_of_is_counted_once_and_not_run_again(
    port: int, ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox()
    with ExitStack() as first_life:
        first_life.enter_context(valkey_server(port=port))
        store = KillingStore(first_life.close)
        manifest = make_job(store, [rows("a", "b"), rows("c", start=2)])
        dispatcher = Dispatcher(ledger, outbox.send)
        dispatcher.start(manifest)
        model, engine = fake_model(lambda *_: completion("fine"))
        settings = WorkerSettings(spool=tmp_path)
        worker = bootstrap.build(settings, store, ledger, outbox.send, model, no_engine)
        worker.run_shard(manifest.job_id, 0)
    assert store.exists(layout.part(manifest.job_id, 0))
    assert not [record for record in caplog.records if record.levelname == "ERROR"], (
        "it is nobody's fault here"
    )
    with pytest.raises(redis.ConnectionError):
        ledger.client.ping()

    outbox.take()
    with valkey_server(port=port):
        settler = Settler(store, ledger, dispatcher)
        reconciler = Reconciler(store, ledger, dispatcher, settler, "me", interval_s=5)
        reconciler.reconcile_all()
        assert ledger.settled(manifest.job_id) == {0}
        assert outbox.take() == [f"{manifest.job_id}/1"]
        worker.run_shard(manifest.job_id, 1)
        progress, report = ledger.progress(manifest.job_id), read_report(store, manifest.job_id)
    assert report is not None
    assert progress is not None
    assert report.counts == progress.counts
    assert report.counts.ok == 3
    assert len(engine.prompts) == 3, "no row ran twice"
