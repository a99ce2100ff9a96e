"""What is removed or mended by name, over a real Valkey and a folder."""

import json
from pathlib import Path

import pytest

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.stores import ObjectStore
from tests.integration.commands import started, wait_until
from tests.producer.commands.running import JOB, Run
from tests.worker.hand_worker import HandWorker

pytestmark = pytest.mark.integration


def test_an_ended_job_is_removed_and_a_running_one_is_not(
    run: Run, store: ObjectStore, ledger: Ledger, worker: HandWorker, job: Manifest
) -> None:
    code, told = run("rm", JOB)
    assert (code, f"bydawn cancel {JOB}" in told) == (2, True)
    worker.run_all()
    assert run("rm", "--older-than", "1d") == (0, f"no job in {store.uri} ended longer ago than 1d\n")
    assert run("rm", JOB) == (0, f"{JOB} is removed\n")
    assert run("rm", JOB)[0] == 2
    assert list(store.list("jobs/")) == []
    assert list(store.folders(layout.JOBS_PREFIX)) == []
    assert [key for key in ledger.client.keys("bydawn:*") if JOB in str(key)] == []
    assert run("rm")[0] == 2


def test_an_unreadable_job_is_told_in_a_line_by_every_command_and_removed(
    run: Run, store: ObjectStore, job: Manifest
) -> None:
    store.put(layout.manifest(JOB), b"{")
    code, told = run("jobs")
    assert (code, JOB in told, "unreadable" in told) == (0, True, True)
    assert f"`bydawn status {JOB}` says why" in told
    assert json.loads(run("jobs", "--json")[1])[0]["state"] == "unreadable"
    for command in ("status", "cancel", "repair", "retry"):
        code, told = run(command, JOB)
        assert (code, told.count("\n"), f"bydawn rm {JOB}" in told) == (2, 1, True), command
        assert "pydantic" not in told
    assert run("rm", JOB) == (0, f"{JOB} is removed\n")
    assert "there is no job" in run("jobs")[1]


def test_all_jobs_of_an_age_are_removed(
    run: Run, store: ObjectStore, worker: HandWorker, job: Manifest
) -> None:
    worker.run_all()
    assert run("rm", "--older-than", "0h") == (0, f"{JOB} is removed\n")
    assert run("rm", "--older-than", "soon")[0] == 2


def test_a_repair_tells_in_a_line_what_it_found(
    run: Run, store: ObjectStore, ledger: Ledger, worker: HandWorker, job: Manifest
) -> None:
    worker.run_next()
    ledger.client.flushdb()
    assert run("repair", JOB) == (0, f"{JOB}: 3 shards, 1 with a part, 2 without, 2 sent again\n")
    worker.run_all()
    assert run("repair", JOB) == (0, f"{JOB}: 3 shards, 3 with a part, 0 without, it has ended\n")


def test_what_a_killed_submit_left_is_removed_by_name_when_its_lease_has_lapsed(
    run: Run, store: ObjectStore, ledger: Ledger, url: str, tmp_path: Path
) -> None:
    before = list(store.list(""))
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"id": str(n), "text": "hi"}) + "\n" for n in range(100_000)))
    command = ("submit", "generate", prompts, "--model", "tiny", "--shard-rows", "1")
    env = {"BYDAWN_STORE": store.uri, "BYDAWN_BROKER_URL": url}
    with started(*command, log=tmp_path / "log", env=env):
        wait_until(lambda: any("/shards/" in key for key in store.list("jobs/")), 60, "its first shard")
    (job_id,) = store.folders(layout.JOBS_PREFIX)
    assert "no job" in run("rm", "--older-than", "0h")[1], "it is younger than a day"
    code, told = run("rm", job_id)
    assert (code, "is being submitted" in told) == (2, True)
    ledger.client.delete(f"bydawn:lease:{job_id}/submit")
    assert run("rm", job_id) == (0, f"{job_id} is removed\n")
    assert list(store.list("")) == before
