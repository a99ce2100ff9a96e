"""The whole path with real parts: Valkey, an S3 server, two workers, and producers, each a process."""

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs.stores import ObjectStore
from tests.integration.commands import all_ended, bydawn, started, wait_until
from tests.servers import BUCKET, S3Server

pytestmark = [pytest.mark.integration, pytest.mark.real_model]

LABELS = ("billing", "bug", "account_access")
TEXTS = (
    "I was charged twice for my subscription this month and want the money back.",
    "The app crashes every time I open the settings page on my phone.",
    "I forgot my password and the reset link never arrives in my inbox.",
)
REPORT = (
    "The town library reopened on Monday after four months of repairs. New windows, a lift and a reading "
    "room for children were paid for by the council. The director expects twice as many visitors."
)


@pytest.fixture(scope="module")
def services(
    valkey_url: str, s3_endpoint: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Two workers on one store; yields the environment that a producer needs."""
    folder = tmp_path_factory.mktemp("workers")
    env = {
        **s3_endpoint.environment,
        "BYDAWN_BROKER_URL": valkey_url.replace("/0", "/1"),
        "BYDAWN_STORE": f"s3://{BUCKET}/separate",
        "BYDAWN_ALLOWED_SOURCES": f"s3://{BUCKET}/inputs",
    }
    with ExitStack() as stack:
        for number in (1, 2):
            log = folder / f"worker-{number}.log"
            stack.enter_context(started("worker", "--concurrency", "2", log=log, env=env))
        wait_until(lambda: _live_workers(env) == 2, 120, "two workers ready")
        yield env


@pytest.fixture
def store(s3_endpoint: S3Server) -> ObjectStore:
    return s3_endpoint.store("separate")


def test_two_workers_share_a_job_and_every_row_ends_in_one_outcome(
    services: dict[str, str], store: ObjectStore, tmp_path: Path
) -> None:
    tickets = _tickets(tmp_path / "tickets.csv", rows=40, empty={"t-07"})
    submitted = bydawn(
        "submit", "classify", tickets, "--labels", ",".join(LABELS), "--text-field", "body",
        "--shard-rows", "4", "--max-failed-share", "0.1", env=services,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stderr
    job_id = submitted.stdout.strip()

    wait_until(lambda: store.exists(f"jobs/{job_id}/_SUCCESS"), 120, "the job's end")
    # The marker comes last: whoever sees it may read all the rest.
    report = json.loads(store.get(f"jobs/{job_id}/report.json") or b"")
    results = _lines(store, f"jobs/{job_id}/results.jsonl")
    errors = _lines(store, f"jobs/{job_id}/errors.jsonl")

    assert report["rows"] == 40 == report["counts"]["ok"] + report["counts"]["failed"]
    assert [line["id"] for line in results] == [f"t-{n:02}" for n in range(40) if n != 7]
    assert [(line["id"], line["code"]) for line in errors] == [("t-07", "empty_text")]
    for line in results:
        assert set(line["scores"]) == set(LABELS)
        assert line["label"] == max(line["scores"], key=line["scores"].__getitem__)
        assert sum(line["scores"].values()) == pytest.approx(1, abs=1e-4)
    assert len(list(store.list(f"jobs/{job_id}/parts/"))) == 10

    status = bydawn("status", job_id, "--json", env=services)
    assert status.returncode == 0
    assert json.loads(status.stdout)["state"] == "succeeded"
    assert bydawn("results", job_id, env=services).stdout.count("\n") == 39


def test_documents_of_a_bucket_are_summarised_and_a_bad_one_fails_alone(
    services: dict[str, str], store: ObjectStore, s3_endpoint: S3Server
) -> None:
    inputs = s3_endpoint.store("inputs")
    inputs.put("library.txt", REPORT.encode())
    inputs.put("library.html", f"<html><body><h1>Library</h1><p>{REPORT}</p></body></html>".encode())
    inputs.put("broken.pdf", b"%PDF-1.7 nothing of the kind")
    submitted = bydawn("submit", "summarize", f"s3://{BUCKET}/inputs", "--max-words", "30", env=services)
    assert submitted.returncode == 0, submitted.stderr
    job_id = submitted.stdout.strip()

    watched = bydawn("status", job_id, "--watch", env=services)
    assert watched.returncode == 1, "a job with a failed row is partial"
    assert store.exists(f"jobs/{job_id}/_PARTIAL")
    results = _lines(store, f"jobs/{job_id}/results.jsonl")
    errors = _lines(store, f"jobs/{job_id}/errors.jsonl")
    assert [line["id"] for line in results] == ["library.html", "library.txt"]
    assert all("librar" in line["summary"].lower() and len(line["summary"].split()) <= 31 for line in results)
    assert [(line["id"], line["code"]) for line in errors] == [("broken.pdf", "unreadable")]


def test_documents_outside_of_the_allowed_sources_are_refused_with_the_remedy(
    services: dict[str, str], s3_endpoint: S3Server
) -> None:
    s3_endpoint.store("private").put("salaries.txt", REPORT.encode())
    refused = bydawn("submit", "summarize", f"s3://{BUCKET}/private", env=services)
    assert refused.returncode == 2
    assert f"s3://{BUCKET}/private/salaries.txt" in refused.stderr
    assert "BYDAWN_ALLOWED_SOURCES" in refused.stderr


def test_a_cancelled_job_keeps_what_is_done_and_has_the_marker_of_a_part(
    services: dict[str, str], store: ObjectStore, tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(
        "".join(json.dumps({"id": str(n), "text": f"Count to {n}."}) + "\n" for n in range(400))
    )
    submitted = bydawn("submit", "generate", prompts, "--max-tokens", "400", env=services)
    job_id = submitted.stdout.strip()
    assert submitted.returncode == 0, submitted.stderr

    assert bydawn("cancel", job_id, env=services).returncode == 0
    wait_until(lambda: store.exists(f"jobs/{job_id}/_PARTIAL"), 30, "the cancelled job's end")
    counts = json.loads(store.get(f"jobs/{job_id}/report.json") or b"")["counts"]
    assert counts["ok"] + counts["cancelled"] == 400
    assert counts["cancelled"] > 0


def test_when_a_worker_dies_its_engine_is_gone_within_a_second(valkey_url: str, tmp_path: Path) -> None:
    env = {"BYDAWN_BROKER_URL": valkey_url.replace("/0", "/2"), "BYDAWN_STORE": str(tmp_path / "store")}
    with started("worker", log=tmp_path / "worker.log", env=env) as worker:
        wait_until(lambda: _live_workers(env) == 1, 120, "the worker ready")
        children = psutil.Process(worker.pid).children(recursive=True)
        assert children
        worker.kill()
        wait_until(lambda: all_ended(children), 1.0, "the engine's end")


def _live_workers(env: dict[str, str]) -> int:
    queues = bydawn("queues", "--json", env=env)
    return sum(queue["workers"] for queue in json.loads(queues.stdout)) if queues.returncode == 0 else 0


def _tickets(path: Path, rows: int, empty: set[str]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "body"])
        for number in range(rows):
            row_id = f"t-{number:02}"
            table.writerow([row_id, "" if row_id in empty else f"{TEXTS[number % 3]} ({number})"])
    return path


def _lines(store: ObjectStore, key: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (store.get(key) or b"").splitlines()]
