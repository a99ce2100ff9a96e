"""A drain doesn't wait for an S3 server that says nothing, and what was to be stored is on local disk."""

import json
import signal
import time
from uuid import uuid4

import pytest

from jobs import layout
from jobs.outcome import Status
from jobs.shards import decode_part
from tests.crash.bench import CrashBench
from tests.integration.commands import bydawn, wait_until
from tests.proxy import tcp_proxy
from tests.servers import BUCKET, S3Server

pytestmark = pytest.mark.integration

NUM_ROWS = 4


def test_a_drain_in_an_outage_ends_in_its_time_and_loses_no_finished_part(
    crash_bench: CrashBench, s3_endpoint: S3Server
) -> None:
    prefix = f"drained/{uuid4().hex}"
    spool, prompts = crash_bench.folder / "spool", crash_bench.folder / "prompts.jsonl"
    lines = [json.dumps({"id": str(number), "text": f"say {number}"}) for number in range(NUM_ROWS)]
    prompts.write_text("\n".join(lines))
    store = {"BYDAWN_STORE": f"s3://{BUCKET}/{prefix}"}
    with tcp_proxy(s3_endpoint.port) as proxy:
        behind_proxy = s3_endpoint.through(proxy.port).environment
        settings = {**behind_proxy, **store, "BYDAWN_SPOOL": str(spool), "BYDAWN_DRAIN_TIMEOUT_S": "1"}
        with crash_bench.worker("drained", 0.5, **settings) as worker:
            env = {**crash_bench.env, **s3_endpoint.environment, **store}
            job_id = bydawn("submit", "generate", prompts, env=env).stdout.strip()
            wait_until(lambda: worker.answered, 60, "an answer")
            proxy.mute()
            wait_until(lambda: list(spool.rglob("0*.jsonl")), 60, "the part on local disk")
            assert "action=spool" not in worker.said, "its client still waits"
            worker.process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            assert worker.process.wait(timeout=60) == 0
            assert time.monotonic() - began_s < 30, "a minute is what the client waits for"
    assert not s3_endpoint.store(prefix).exists(layout.part(job_id, 0))
    (part,) = spool.rglob("0*.jsonl")
    assert [each.status for each in decode_part(part.read_bytes(), job_id, 0)] == [Status.OK] * NUM_ROWS
