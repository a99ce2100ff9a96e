"""A drain doesn't wait for an S3 client that goes on trying, and what was to be stored is on local disk."""

import json
import signal
import time
from uuid import uuid4

import pytest

from jobs import layout
from tests.crash.bench import CrashBench
from tests.integration.commands import bydawn, wait_until
from tests.proxy import tcp_proxy
from tests.servers import BUCKET, S3Server

pytestmark = pytest.mark.integration

DRAIN_S = 1
NUM_ROWS = 4


def test_a_drain_in_an_outage_ends_in_its_time_and_loses_no_finished_part(
    crash_bench: CrashBench, s3_endpoint: S3Server
) -> None:
    prefix = f"drained/{uuid4().hex}"
    spool, prompts = crash_bench.folder / "spool", crash_bench.folder / "prompts.jsonl"
    prompts.write_text(
        "".join(json.dumps({"id": str(n), "text": f"say {n}"}) + "\n" for n in range(NUM_ROWS))
    )
    direct = {**crash_bench.env, **s3_endpoint.environment, "BYDAWN_STORE": f"s3://{BUCKET}/{prefix}"}
    with tcp_proxy(s3_endpoint.port) as proxy:
        cut_off = {
            **s3_endpoint.through(proxy.port).environment,
            "BYDAWN_STORE": direct["BYDAWN_STORE"],
            "BYDAWN_SPOOL": str(spool),
            "BYDAWN_DRAIN_TIMEOUT_S": str(DRAIN_S),
        }
        with crash_bench.worker("drained", 0.5, **cut_off) as worker:
            job_id = bydawn("submit", "generate", prompts, env=direct).stdout.strip()
            wait_until(lambda: worker.answered, 60, "an answer")
            proxy.cut()
            wait_until(lambda: list(spool.rglob("*.jsonl")), 60, "the part on local disk")
            assert "action=spool" not in worker.said, "its client still tries"
            worker.process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            assert worker.process.wait(timeout=60) == 0
            assert time.monotonic() - began_s < 20, "half a minute is what the client tries for"
        proxy.heal()
        store = s3_endpoint.store(prefix)
        assert not store.exists(layout.part(job_id, 0))
        healed = {**cut_off, "BYDAWN_STORE": direct["BYDAWN_STORE"]}
        with crash_bench.worker("successor", 0.0, **healed) as successor:
            wait_until(lambda: store.exists(layout.report(job_id)), 60, "the job's end")
            assert successor.answered == []
