"""A queue, a store and a job for crash tests, and workers with a stub engine to kill and start again."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import Priority, Report
from jobs.outcome import Outcome
from jobs.papers import read_manifest, read_report
from jobs.queues import queue_name, queued_task_ids
from jobs.shards import decode_part
from jobs.stores import ObjectStore, open_store
from tests.integration.commands import bydawn, environment, wait_until
from worker.checkpoints import Checkpoints

READY_TIMEOUT_S = 120.0

# Short ones, so that a test needn't wait for them.
SETTINGS = {
    "BYDAWN_LEASE_LIFE_S": "2",
    "BYDAWN_RECONCILE_INTERVAL_S": "0.5",
    "BYDAWN_CHECKPOINT_INTERVAL_S": "0.2",
    "BYDAWN_CONCURRENCY": "2",
}


@dataclass(frozen=True, slots=True)
class StubWorker:
    """A worker's process, and the files in which it and its engine say what they do."""

    process: "subprocess.Popen[bytes]"
    log: Path
    answers: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def answered(self) -> list[str]:
        """Hashes of the prompts that its engine answered, in order; a row's text is the same hash."""
        return self.answers.read_text().split() if self.answers.exists() else []


def start_stub_worker(folder: Path, name: str, answer_s: float, env: Mapping[str, str]) -> StubWorker:
    """One that need not be ready yet; a name that was used before goes on with its files."""
    log, answers = folder / f"{name}.log", folder / f"{name}.answers"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.stub_worker", str(answers), str(answer_s)],
            env=environment({**SETTINGS, **env}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return StubWorker(process, log, answers)


@dataclass(frozen=True, slots=True)
class CrashBench:
    """Where workers of one test meet; `model` is a folder whose tokenizer is used."""

    folder: Path
    broker_url: str
    model: Path

    @property
    def env(self) -> dict[str, str]:
        store = {"BYDAWN_BROKER_URL": self.broker_url, "BYDAWN_STORE": str(self.folder / "store")}
        return {**store, "BYDAWN_MODEL": str(self.model), "BYDAWN_LOG_LEVEL": "INFO"}

    @property
    def store(self) -> ObjectStore:
        return open_store(str(self.folder / "store"))

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.broker_url, decode_responses=True)

    @contextmanager
    def worker(self, name: str, answer_s: float, **settings: str) -> Iterator[StubWorker]:
        """One that is ready; it is killed at the end of the block."""
        worker = start_stub_worker(self.folder, name, answer_s, {**self.env, **settings})
        try:
            wait_until(lambda: self._is_ready(worker.process), READY_TIMEOUT_S, f"{name} is ready")
            yield worker
        finally:
            worker.process.kill()
            worker.process.wait()

    def submit(self, num_rows: int, shard_rows: int) -> str:
        """A generate job of rows with ids "0", "1", ...; returns its id."""
        prompts = self.folder / "prompts.jsonl"
        lines = [json.dumps({"id": str(number), "text": f"say {number}"}) for number in range(num_rows)]
        prompts.write_text("\n".join(lines) + "\n")
        done = bydawn("submit", "generate", prompts, "--shard-rows", str(shard_rows), env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def finished(self, job_id: str) -> dict[str, Outcome]:
        """The rows whose outcomes are in the store, in parts or checkpoints."""
        outcomes: dict[str, Outcome] = {}
        checkpoints = Checkpoints(self.store, "test")
        for shard_no in range(read_manifest(self.store, job_id).num_shards):
            outcomes |= checkpoints.read(job_id, shard_no).outcomes
            if (body := self.store.get(layout.part(job_id, shard_no))) is not None:
                outcomes |= {each.id: each for each in decode_part(body, job_id, shard_no)}
        return outcomes

    def queued(self, job_id: str) -> set[str]:
        alias = read_manifest(self.store, job_id).model.alias
        with self.client as client:
            return queued_task_ids(client, queue_name(alias, Priority.STANDARD))

    def leases(self) -> list[str]:
        with self.client as client:
            return list(client.scan_iter("bydawn:lease:*"))

    def end_of(self, job_id: str, timeout_s: float = 60.0) -> Report:
        """Wait for a job's report, and check that every row has exactly one outcome."""
        store = self.store
        wait_until(lambda: not store.exists(layout.open_marker(job_id)), timeout_s, "the job's end")
        report = read_report(store, job_id)
        assert report is not None
        assert report.counts.rows == report.rows
        return report

    def results(self, job_id: str) -> dict[str, str]:
        """Each row's text, by id."""
        body = self.store.get(f"jobs/{job_id}/results.jsonl") or b""
        lines = [json.loads(line) for line in body.splitlines()]
        assert len({line["id"] for line in lines}) == len(lines)
        return {line["id"]: line["text"] for line in lines}

    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        assert process.poll() is None, "it ended instead"
        with self.client as client:
            names = [str(worker["worker"]) for worker in Ledger(client).workers()]
        return any(f"-{process.pid}-" in name for name in names)
