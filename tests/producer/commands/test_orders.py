"""Orders for running jobs, over a real Valkey and a folder: pause, resume, priority, deadline, cancel."""

import json

import pytest

from jobs.ledger import Ledger
from jobs.manifest import JobState, Manifest
from jobs.papers import read_report
from jobs.stores import ObjectStore
from tests.producer.commands.running import JOB, Run
from tests.servers import free_ports
from tests.worker.hand_worker import HandWorker

pytestmark = pytest.mark.integration


def test_a_job_is_paused_told_so_and_resumed(run: Run, worker: HandWorker, job: Manifest) -> None:
    assert run("pause", JOB) == (0, f"{JOB} is paused until `bydawn resume {JOB}`\n")
    assert "paused" in run("status", JOB)[1]
    assert "paused" in run("jobs")[1]
    assert json.loads(run("status", JOB, "--json")[1])["paused"] is True
    worker.run_all()
    assert worker.engine.prompts == []
    code, told = run("resume", JOB)
    assert (code, f"{JOB} goes on" in told) == (0, True)
    assert "waiting" in run("status", JOB)[1], "nobody has begun"
    worker.run_next()
    assert "running" in run("status", JOB)[1]
    worker.run_all()
    assert len(worker.engine.prompts) == 3


def test_priority_and_deadline_of_a_running_job_are_changed_and_told(
    run: Run, worker: HandWorker, job: Manifest
) -> None:
    assert run("priority", JOB, "urgent") == (0, f"{JOB} is urgent from its next shard on\n")
    assert run("deadline", JOB, "2099-01-31 06:00", "Europe/Berlin") == (
        0,
        f"{JOB} expires at 2099-01-31T06:00+01:00\n",
    )
    assert "priority urgent · deadline 2099-01-31T06:00+01:00 · model tiny\n" in run("status", JOB)[1]
    told = json.loads(run("status", JOB, "--json")[1])
    assert (told["priority"], told["deadline"]) == ("urgent", "2099-01-31T06:00:00+01:00")
    assert worker.waiting == {"urgent": [f"{JOB}/{n}" for n in range(3)], "standard": [], "bulk": []}
    assert run("deadline", JOB, "none") == (0, f"{JOB} has no deadline\n")
    assert json.loads(run("status", JOB, "--json")[1])["deadline"] is None
    assert "priority urgent · no deadline" in run("status", JOB)[1]
    assert run("deadline", JOB, "soon")[0] == 2
    assert run("deadline", JOB, "2001-01-01")[0] == 2


def test_orders_hold_and_status_is_told_while_redis_is_away(
    run: Run, worker: HandWorker, job: Manifest
) -> None:
    nowhere = f"redis://127.0.0.1:{free_ports(1)[0]}/0"
    for order in (["pause", JOB], ["priority", JOB, "urgent"], ["deadline", JOB, "2099-01-31"]):
        code, told = run(*order, broker=nowhere)
        assert (code, "the order is in the store" in told) == (0, True)
    code, told = run("status", JOB, broker=nowhere)
    assert (code, "paused" in told, "no Redis answers" in told) == (0, True, True)
    worker.reconcile()
    worker.run_all()
    assert worker.engine.prompts == []
    assert run("resume", JOB, broker=nowhere)[0] == 0
    assert run("cancel", JOB, broker=nowhere)[0] == 0
    worker.reconcile()
    worker.reconcile()
    worker.run_all()
    assert run("status", JOB)[0] == 1
    assert "cancelled" in run("status", JOB)[1]


def test_a_paused_job_that_is_cancelled_ends_with_every_row_counted_and_one_word_for_it(
    run: Run, store: ObjectStore, ledger: Ledger, worker: HandWorker, job: Manifest
) -> None:
    worker.run_next()
    run("pause", JOB)
    worker.run_all()
    assert run("cancel", JOB)[0] == 0
    worker.run_all()
    report = read_report(store, JOB)
    assert report is not None
    assert (report.counts.ok, report.counts.cancelled) == (1, 2)
    assert store.exists(f"jobs/{JOB}/_PARTIAL")
    progress = ledger.progress(JOB)
    assert progress is not None
    assert (report.state, progress.state) == (JobState.CANCELLED, JobState.CANCELLED)
    assert json.loads(run("status", JOB, "--json")[1])["state"] == "cancelled"
    assert " cancelled " in run("jobs")[1]
    assert run("status", JOB)[1].startswith("cancelled · ")


def test_an_ended_job_refuses_what_is_for_running_ones_in_one_line(
    run: Run, worker: HandWorker, job: Manifest
) -> None:
    worker.run_all()
    for arguments in (
        ("pause",),
        ("resume",),
        ("deadline", "06:00"),
        ("deadline", "none"),
        ("priority", "bulk"),
    ):
        code, told = run(arguments[0], JOB, *arguments[1:])
        assert code == 2, arguments
        assert told.startswith(f"bydawn: {JOB} ended as partial"), told
        assert told.count("\n") == 1
    assert run("cancel", JOB) == (0, f"{JOB} has ended already\n")


def test_a_paused_job_waits_for_no_worker(run: Run, job: Manifest) -> None:
    run("pause", JOB)
    assert "no worker" not in run("status", JOB)[1]
