"""A real Valkey, a folder as the store, and a job that a worker has been given."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from pydantic import SecretStr

from engine import Request
from jobs import layout, queues
from jobs.broker import parse_broker
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Priority, ServedModel
from jobs.stores import ObjectStore, open_store
from producer.cli import main
from tests.producer.commands.running import Run
from tests.worker.fakes import FINGERPRINT, completion, make_job, rows
from tests.worker.hand_worker import HandWorker
from worker.engine_messages import Result


@pytest.fixture
def url(valkey_url: str) -> str:
    return valkey_url.replace("/0", "/9")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        yield Ledger(client)
        client.flushdb()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    store = open_store(str(tmp_path / "store"))
    served = ServedModel(
        alias="tiny", fingerprint=FINGERPRINT, name="tiny", max_model_len_tokens=100, kinds=("generate",)
    )
    store.put(layout.model("tiny"), served.model_dump_json().encode())
    return store


@pytest.fixture
def worker(store: ObjectStore, ledger: Ledger, url: str) -> Iterator[HandWorker]:
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(parse_broker(SecretStr(url))))
    yield HandWorker(store, ledger, _answer, queues.sender(app), window_shards=64)
    app.close()


def _answer(prompt: str, _request: Request) -> "Result | Exception | None":
    return completion("fine") if "bad" not in prompt else ValueError("a bug of ours")


@pytest.fixture
def job(store: ObjectStore, worker: HandWorker) -> Manifest:
    manifest = make_job(
        store, [rows("a", start=0), rows("bad", start=1), rows("c", start=2)], priority=Priority.BULK
    )
    worker.dispatcher.start(manifest)
    return manifest


@pytest.fixture
def run(url: str, store: ObjectStore, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, broker: str = url) -> tuple[int, str]:
        """The exit code, and what was printed."""
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--store", store.uri.removeprefix("file://"), "--broker", broker])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run
