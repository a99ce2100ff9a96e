"""A queue, a store and a job for crash tests, and workers with a stub engine to kill and start again."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import redis

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import Priority, Report, ServedModel
from jobs.names import model_alias
from jobs.outcome import Outcome
from jobs.papers import read_manifest, read_report
from jobs.queues import queue_name, queued_task_ids
from jobs.shards import decode_part
from jobs.stores import ObjectStore, open_store
from tests.crash.part_watch import PartWatch, part_watch
from tests.crash.stub_engine import FINGERPRINT, MAX_MODEL_LEN
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

    def is_named(self, worker_id: str | None) -> bool:
        return _is_name_of(self.process, worker_id)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def lose_device(self) -> None:
        """Its engine's next answer is that its device is gone."""
        self.answers.with_name(f"{self.answers.name}.lose").touch()

    @property
    def processes(self) -> list[psutil.Process]:
        """The worker's, its engine's, and what else it has started."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

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
            env=environment(env),
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

    def worker(self, name: str, answer_s: float, **settings: str) -> AbstractContextManager[StubWorker]:
        """One that is ready, with short times where `settings` has none; it is killed after the block."""
        return self.worker_with(name, answer_s, {**SETTINGS, **settings})

    @contextmanager
    def worker_with(self, name: str, answer_s: float, settings: Mapping[str, str]) -> Iterator[StubWorker]:
        """One that is ready, with these settings and the product's own for the rest."""
        worker = start_stub_worker(self.folder, name, answer_s, {**self.env, **settings})
        try:
            wait_until(lambda: self._is_ready(worker.process), READY_TIMEOUT_S, f"{name} is ready")
            yield worker
        finally:
            worker.process.kill()
            worker.process.wait()

    def submit(self, num_rows: int, shard_rows: int) -> str:
        """A generate job of rows with ids "0", "1", ..., whether or not there is a worker; returns its id."""
        self._promise_model()
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

    def held_by(self, worker: StubWorker) -> set[str]:
        """The leases that are a worker's, dead or alive."""
        leases = self.leases()
        with self.client as client:
            owners = client.mget(leases) if leases else []
        return {lease for lease, owner in zip(leases, owners, strict=True) if worker.is_named(owner)}

    def reconciler(self) -> str | None:
        """The name of the worker that reconciles now."""
        with self.client as client:
            return cast("str | None", client.get("bydawn:duty:reconcile"))

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

    def watch_parts(self, job_id: str) -> AbstractContextManager[PartWatch]:
        """Of a job that no worker has begun."""
        return part_watch(self.folder / "store" / layout.parts_prefix(job_id))

    def _promise_model(self) -> None:
        """Say what a worker with a stub says when it starts."""
        alias = model_alias(str(self.model))
        served = ServedModel(
            alias=alias,
            fingerprint=FINGERPRINT,
            name=str(self.model),
            max_model_len_tokens=MAX_MODEL_LEN,
            kinds=("classify", "summarize", "generate", "embed"),
        )
        self.store.create(layout.model(alias), served.model_dump_json().encode())

    def _is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        assert process.poll() is None, "it ended instead"
        with self.client as client:
            names = [str(worker["worker"]) for worker in Ledger(client).workers()]
        return any(_is_name_of(process, name) for name in names)


def _is_name_of(process: "subprocess.Popen[bytes]", worker_id: str | None) -> bool:
    return worker_id is not None and f"-{process.pid}-" in worker_id
