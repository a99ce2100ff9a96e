"""One of two workers is killed in the middle of a job: the other one ends it, with every row once."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from jobs.ledger import Ledger
from tests.engine.tiny import save_model
from tests.integration.commands import bydawn, started, wait_until

pytestmark = pytest.mark.integration

ROWS = 240
LEASE_AND_TWO_LOOKS_S = 30


def test_a_killed_workers_shards_run_elsewhere_within_half_a_minute(valkey_url: str, tmp_path: Path) -> None:
    model = save_model("llama", tmp_path / "tiny-llama")
    broker_url = valkey_url.replace("/0", "/5")
    store = tmp_path / "store"
    env = {"BYDAWN_BROKER_URL": broker_url, "BYDAWN_STORE": str(store), "BYDAWN_MODEL": str(model)}
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"id": str(n), "text": f"say {n}"}) + "\n" for n in range(ROWS)))
    with ExitStack() as stack, redis.Redis.from_url(broker_url, decode_responses=True) as client:
        ledger = Ledger(client)
        workers = [
            stack.enter_context(started("worker", "--concurrency", "2", log=tmp_path / f"{n}.log", env=env))
            for n in (1, 2)
        ]
        wait_until(lambda: len(list(ledger.workers())) == 2, 120, "two workers ready")
        submitted = bydawn("submit", "generate", prompts, "--max-tokens", "150", "--shard-rows", "8", env=env)
        job = store / "jobs" / submitted.stdout.strip()
        wait_until(lambda: len(list(job.glob("parts/*"))) >= 3, 60, "three settled shards")
        workers[0].kill()
        held = _held(client)
        assert held, "it was killed with work in its hands"
        wait_until(lambda: not held & _unsettled(job), LEASE_AND_TWO_LOOKS_S, "the dead worker's shards")
        wait_until((job / "_SUCCESS").exists, 120, "the job's end")
    ids = [json.loads(line)["id"] for line in (job / "results.jsonl").read_text().splitlines()]
    assert ids == [str(n) for n in range(ROWS)]


def _held(client: "redis.Redis") -> set[int]:
    """The shards with a live lease: right after the kill, the dead worker's among them."""
    return {int(key.rsplit("/", 1)[-1]) for key in client.scan_iter("bydawn:lease:*/[0-9]*")}


def _unsettled(job: Path) -> set[int]:
    shards, parts = ({int(path.stem) for path in job.glob(f"{kind}/*.jsonl")} for kind in ("shards", "parts"))
    return shards - parts
