"""What `status`, `jobs`, `queues` and `results` tell, over a real Valkey, with a folder as the store."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import Manifest
from jobs.outcome import Counts
from jobs.papers import read_manifest
from jobs.stores import ObjectStore
from producer.cli import app
from producer.heads import save_head
from tests.heads import head_of
from tests.producer.commands.running import JOB, Run
from tests.producer.served import serve
from tests.worker.fakes import make_job, rows
from tests.worker.hand_worker import HandWorker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("columns", "shown", "left_out"),
    [(80, (), ("priority", "model")), (100, ("priority",), ("model",)), (130, ("priority", "model"), ())],
)
def test_jobs_are_listed_with_as_much_as_the_terminal_has_room_for(
    run: Run,
    job: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    shown: tuple[str, ...],
    left_out: tuple[str, ...],
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    names, row = run("jobs")[1].splitlines()
    assert max(len(names), len(row)) <= columns
    assert (JOB in row, "waiting" in row, "mem" in row) == (True, True, True)
    assert all(name in names for name in shown)
    assert not any(name in names for name in left_out)
    assert ("bulk" in row, "tiny" in row) == ("priority" in shown, "model" in shown)


def test_a_job_in_work_is_running_before_its_first_row_is_done(
    run: Run, ledger: Ledger, job: Manifest
) -> None:
    ledger.report_progress(JOB, 0, Counts())
    assert "running" in run("status", JOB)[1]
    ledger.client.flushdb()
    assert "running" in run("jobs")[1], "what isn't known is not taken for waiting"


def test_who_is_at_fault_is_told_and_what_failed_is_retried_by_code(
    run: Run, store: ObjectStore, worker: HandWorker, job: Manifest
) -> None:
    worker.run_all()
    code, told = run("status", JOB)
    assert (code, "1 row: internal_error (at fault: us)" in told) == (1, True)
    code, told = run("retry", JOB, "--code", "empty_text")
    assert (code, "nothing to retry" in told) == (2, True)
    code, told = run("retry", JOB, "--code", "internal_error", "--json")
    new_id = json.loads(told.splitlines()[0])["job_id"]
    assert json.loads(run("status", new_id, "--json")[1])["retry_of"] == JOB
    assert worker.waiting["bulk"] == [f"{new_id}/0"]


def test_the_status_of_a_waiting_job_says_when_nobody_works_for_it(
    run: Run, ledger: Ledger, job: Manifest
) -> None:
    nobody = "note: no worker for tiny is alive now"
    assert nobody in run("status", JOB)[1]
    ledger.tell_worker("w", {"model": "another", "running_shards": 0}, 60)
    assert nobody in run("status", JOB)[1]
    ledger.tell_worker("v", {"model": "tiny", "running_shards": 0}, 60)
    assert nobody not in run("status", JOB)[1]


def test_queues_tell_of_engines_that_ended_where_some_have(run: Run, ledger: Ledger, job: Manifest) -> None:
    sound: dict[str, str | int | None] = {
        "model": "tiny",
        "running_shards": 1,
        "engine_restarts": 0,
        "engine_outage": None,
    }
    ledger.tell_worker("sound", sound | {"last_engine_end": None, "last_engine_end_at": None}, 60)
    assert "restarts" not in run("queues")[1]
    for name, restarts, outage, reason, at in (
        ("earlier", 2, None, "stuck", "2026-11-27T05:00:00+00:00"),
        ("sick", 3, "the engine's device was lost", "device_lost", "2026-11-27T06:00:00+00:00"),
    ):
        ends: dict[str, str | int | None] = {"last_engine_end": reason, "last_engine_end_at": at}
        ledger.tell_worker(name, sound | ends | {"engine_restarts": restarts, "engine_outage": outage}, 60)
    (queue,) = json.loads(run("queues", "--json")[1])
    assert (queue["workers"], queue["without_engine"], queue["engine_restarts"]) == (3, 1, 5)
    assert queue["last_engine_end"] == {"reason": "device_lost", "at": "2026-11-27T06:00:00Z"}
    told = run("queues")[1]
    assert ("restarts" in told, "device_lost, " in told) == (True, True)


def test_the_status_of_an_ended_job_holds_as_json_what_it_says_in_words(
    run: Run, store: ObjectStore, worker: HandWorker, job: Manifest
) -> None:
    assert json.loads(run("status", JOB, "--json")[1])["ended"] is None
    worker.run_all()
    code, told = run("status", JOB, "--json")
    ended = json.loads(told)["ended"]
    (failure,) = ended["failures"]
    assert (code, failure["code"], failure["fault"], failure["rows"]) == (1, "internal_error", "us", 1)
    assert (ended["low_quality"], ended["without_label"], ended["stopped_because"]) == ({}, 0, None)
    for name in ("results", "errors", "report"):
        assert ended[name].startswith(f"{store.uri}/")
        assert store.exists(ended[name].removeprefix(f"{store.uri}/")), name


def test_where_there_is_nothing_to_show_a_sentence_says_so_and_json_is_empty(
    run: Run, store: ObjectStore
) -> None:
    store.delete([layout.model("tiny")])
    for command, told in (("jobs", "there is no job in"), ("queues", "no worker has ever served")):
        code, printed = run(command)
        assert (code, told in printed) == (0, True)
        assert json.loads(run(command, "--json")[1]) == []


def test_results_that_are_empty_say_why_and_put_nothing_into_a_file(
    store: ObjectStore, worker: HandWorker
) -> None:
    all_ok, none_ok = JOB, f"{JOB[:-1]}2"
    for job_id, text in ((all_ok, "fine"), (none_ok, " ")):
        worker.dispatcher.start(make_job(store, [rows(text)], job_id=job_id))
    worker.run_all()

    def results(*arguments: str) -> tuple[str, str]:
        done = CliRunner().invoke(app, ["results", *arguments, "--store", store.uri])
        assert done.exit_code == 0, done.output
        return done.stdout, done.stderr

    assert results(all_ok, "--errors") == ("", f"{all_ok} has no errors: every row is ok\n")
    assert results(all_ok)[1] == ""
    assert "empty_text" in results(none_ok, "--errors")[0]
    printed, told = results(none_ok)
    assert printed == ""
    assert f"bydawn results {none_ok} --errors" in told


def test_a_heads_own_model_is_taken_unless_another_one_is_named(
    run: Run, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BYDAWN_MODEL", raising=False)
    serve(store, kinds=("embed",))
    save_head(head_of(loaded_as="/models/tiny"), tmp_path / "head")
    (tmp_path / "t.csv").write_text("id,text\n1,a\n")
    command = ("submit", "classify", str(tmp_path / "t.csv"), "--head", str(tmp_path / "head"))
    code, told = run(*command)
    assert code == 0, told
    (job_id,) = store.folders(layout.JOBS_PREFIX)
    assert read_manifest(store, job_id).model.alias == "tiny"
    monkeypatch.setenv("BYDAWN_MODEL", "big")
    code, told = run(*command)
    assert (code, "no worker serves the model 'big'" in told) == (2, True)
