"""An engine is killed under a worker's shards: they run again in quarantine, and no row is to blame."""

import json
import signal
from pathlib import Path

import psutil
import pytest
import redis

from jobs.ledger import Ledger
from tests.engine.tiny import save_model
from tests.integration.commands import bydawn, started, wait_until

pytestmark = pytest.mark.integration

ROWS = 160


def test_when_only_the_engine_is_killed_every_row_still_ends_ok(valkey_url: str, tmp_path: Path) -> None:
    model = save_model("llama", tmp_path / "tiny-llama")
    broker_url = valkey_url.replace("/0", "/7")
    store = tmp_path / "store"
    env = {
        "BYDAWN_BROKER_URL": broker_url,
        "BYDAWN_STORE": str(store),
        "BYDAWN_MODEL": str(model),
        "BYDAWN_RECONCILE_INTERVAL_S": "0.5",
    }
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"id": str(n), "text": f"say {n}"}) + "\n" for n in range(ROWS)))
    log = tmp_path / "worker.log"
    with (
        started("worker", "--concurrency", "2", log=log, env=env) as worker,
        redis.Redis.from_url(broker_url, decode_responses=True) as client,
    ):
        wait_until(lambda: list(Ledger(client).workers()), 120, "the worker ready")
        submitted = bydawn("submit", "generate", prompts, "--max-tokens", "150", "--shard-rows", "8", env=env)
        job = store / "jobs" / submitted.stdout.strip()
        wait_until(lambda: len(list(job.glob("parts/*"))) >= 2, 60, "two settled shards")
        _engine_of(worker.pid).send_signal(signal.SIGKILL)
        wait_until((job / "_SUCCESS").exists, 120, "the job's end")
    ids = [json.loads(line)["id"] for line in (job / "results.jsonl").read_text().splitlines()]
    assert ids == [str(n) for n in range(ROWS)]
    assert "action=quarantine" in log.read_text()
    assert json.loads(bydawn("dead", "--json", env=env).stdout) == []


def _engine_of(pid: int) -> psutil.Process:
    """The only child of the worker's that has the model in its memory."""
    children = psutil.Process(pid).children(recursive=True)
    return max(children, key=lambda child: child.memory_info().rss)
