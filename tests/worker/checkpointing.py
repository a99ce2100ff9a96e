"""A job of one shard, some rows of which were finished before."""

from collections.abc import Sequence
from typing import Any

from engine import Request
from jobs import layout
from jobs.manifest import Manifest
from jobs.outcome import Outcome, Usage
from jobs.shards import decode_part
from tests.worker.fakes import Bench, FakeEngine, completion, fake_model, make_job, rows
from worker.checkpoint_file import encode_checkpoint
from worker.engine_messages import Result
from worker.shard_memory import Finished

JOB = "20260101t000000-00000001"


def ok(row_id: str, text: str = "done before") -> Outcome:
    return Outcome.ok(row_id, {"text": text}, Usage(prompt_tokens=2, output_tokens=1))


def answer(prompt: str, _request: Request) -> "Result | Exception | None":
    return completion(f"re: {prompt}")


def save(bench: Bench, finished: Sequence[Finished], worker_id: str = "another") -> None:
    bench.store.put(layout.checkpoint(JOB, 0, worker_id), encode_checkpoint(JOB, 0, finished))


def run(bench: Bench, *texts: str, **more: Any) -> tuple[list[Outcome], FakeEngine]:
    manifest = make_job(bench.store, [rows(*texts)], **more)
    bench.ledger.open(manifest)
    model, engine = fake_model(answer)
    bench.runner(model).run(JOB, 0)
    return part(bench, manifest), engine


def part(bench: Bench, manifest: Manifest) -> list[Outcome]:
    return decode_part(bench.store.get(layout.part(manifest.job_id, 0)) or b"", manifest.job_id, 0)
