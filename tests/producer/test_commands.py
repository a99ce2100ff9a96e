"""The commands about running and ended jobs, over a real Valkey and a folder, with Celery's queues."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from pydantic import SecretStr
from typer.testing import CliRunner

from engine import Request
from jobs import layout, queues
from jobs.broker import parse_broker
from jobs.ledger import Ledger
from jobs.manifest import JobState, Manifest, Priority, ServedModel
from jobs.outcome import Counts
from jobs.papers import read_manifest, read_report
from jobs.stores import ObjectStore, open_store
from producer.cli import app, main
from producer.heads import save_head
from tests.heads import head_of
from tests.integration.commands import started, wait_until
from tests.producer.served import serve
from tests.servers import free_ports
from tests.worker.fakes import FINGERPRINT, completion, make_job, rows
from tests.worker.hand_worker import HandWorker
from worker.engine_messages import Result

pytestmark = pytest.mark.integration

Run = Callable[..., tuple[int, str]]
JOB = "20260101t000000-00000001"


@pytest.fixture
def url(valkey_url: str) -> str:
    return valkey_url.replace("/0", "/9")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        yield Ledger(client)
        client.flushdb()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    store = open_store(str(tmp_path / "store"))
    served = ServedModel(
        alias="tiny", fingerprint=FINGERPRINT, name="tiny", max_model_len_tokens=100, kinds=("generate",)
    )
    store.put(layout.model("tiny"), served.model_dump_json().encode())
    return store


@pytest.fixture
def worker(store: ObjectStore, ledger: Ledger, url: str) -> Iterator[HandWorker]:
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(parse_broker(SecretStr(url))))
    yield HandWorker(store, ledger, _answer, queues.sender(app), window_shards=64)
    app.close()


def _answer(prompt: str, _request: Request) -> "Result | Exception | None":
    return completion("fine") if "bad" not in prompt else ValueError("a bug of ours")


@pytest.fixture
def job(store: ObjectStore, worker: HandWorker) -> Manifest:
    manifest = make_job(
        store, [rows("a", start=0), rows("bad", start=1), rows("c", start=2)], priority=Priority.BULK
    )
    worker.dispatcher.start(manifest)
    return manifest


@pytest.fixture
def run(url: str, store: ObjectStore, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, broker: str = url) -> tuple[int, str]:
        """The exit code, and what was printed."""
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--store", store.uri.removeprefix("file://"), "--broker", broker])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


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


def test_a_paused_job_waits_for_no_worker(run: Run, job: Manifest) -> None:
    run("pause", JOB)
    assert "no worker" not in run("status", JOB)[1]


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
