"""`bydawn run`: one command, resumable, that leaves nothing behind."""

import json
import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.engine.tiny import save_model
from tests.integration.commands import all_ended, bydawn, started, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("llama", tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"id": f"p{n}", "text": f"say {n}"}) + "\n" for n in range(600)))
    return path


def test_a_killed_run_leaves_no_child_and_resumes_without_redoing_settled_shards(
    model: Path, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = (
        "run",
        "generate",
        prompts,
        "--max-tokens",
        "120",
        "--shard-rows",
        "8",
        "--model",
        model,
        "--out",
        out,
    )
    parts = out / ".bydawn" / "store" / "jobs"

    with started(*command, log=tmp_path / "first.log") as first:
        wait_until(lambda: len(list(parts.glob("*/parts/*"))) >= 5, 120, "five settled shards")
        second = bydawn(*command)
        assert second.returncode == 2
        assert "another `bydawn run`" in second.stderr
        children = psutil.Process(first.pid).children(recursive=True)
        assert len(children) >= 4, "two guards, a Valkey, a worker with its engine"
        first.send_signal(signal.SIGKILL)
        first.wait()
        wait_until(lambda: all_ended(children), 3.0, "the end of all children")

    settled = {path: path.stat().st_mtime_ns for path in parts.glob("*/parts/*")}
    assert 5 <= len(settled) < 75, "the run was killed on its way"
    assert not (out / "results.jsonl").exists()

    resumed = bydawn(*command)
    assert resumed.returncode == 0, resumed.stderr
    assert {path: path.stat().st_mtime_ns for path in settled} == settled
    ids = [json.loads(line)["id"] for line in (out / "results.jsonl").read_text().splitlines()]
    assert ids == [f"p{n}" for n in range(600)]
    assert (out / "_SUCCESS").exists()


def test_another_job_in_the_same_folder_is_refused_and_the_same_one_shown_at_once(
    model: Path, prompts: Path, tmp_path: Path
) -> None:
    command = (
        "run",
        "generate",
        prompts,
        "--limit",
        "4",
        "--max-tokens",
        "4",
        "--model",
        model,
        "--out",
        tmp_path / "out",
    )
    first, again = bydawn(*command, "--json"), bydawn(*command, "--json", timeout_s=20)
    assert first.returncode == again.returncode == 0, first.stderr
    job_id = json.loads(first.stdout)["job_id"]
    assert json.loads(again.stdout)["job_id"] == job_id

    another = bydawn(*command, "--seed", "1", timeout_s=20)
    assert another.returncode == 2
    assert job_id in another.stderr
    assert "--overwrite" in another.stderr
    assert job_id in (tmp_path / "out" / "report.json").read_text()
    replaced = bydawn(*command, "--seed", "1", "--overwrite", "--json")
    assert json.loads(replaced.stdout)["job_id"] in (tmp_path / "out" / "report.json").read_text()


def test_a_folder_with_an_unfinished_job_refuses_another_one(
    model: Path, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with started("run", "generate", prompts, "--model", model, "--out", out, log=tmp_path / "log") as run:
        wait_until(lambda: list(out.glob(".bydawn/store/open/*")), 60, "an open job")
        run.kill()
    other = bydawn("run", "generate", prompts, "--limit", "3", "--model", model, "--out", out)
    assert other.returncode == 2
    assert "unfinished job" in other.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_how_to_go_on_and_leaves_no_child(
    model: Path, prompts: Path, tmp_path: Path, number: int, code: int
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    with started("run", "generate", prompts, "--model", model, "--out", out, log=log) as run:
        wait_until(lambda: "loading" in log.read_text(), 60, "the worker started")
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(number)
        assert run.wait(60) == code
    assert "interrupted; the same command again goes on from here" in log.read_text()
    wait_until(lambda: all_ended(children), 10, "the end of all children")


def test_a_model_that_is_not_there_is_told_and_no_folder_is_left_behind(
    prompts: Path, tmp_path: Path
) -> None:
    refused = bydawn(
        "run", "generate", prompts, "--model", tmp_path / "nowhere", "--out", tmp_path / "new/out"
    )
    assert refused.returncode == 2
    assert "nowhere" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_answers_are_held_to_what_the_command_line_asks_for(
    model: Path, prompts: Path, tmp_path: Path
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"enum": ["low", "high"]}))

    def answers(name: str, *options: str | Path) -> list[str]:
        out = tmp_path / name
        sampled = ("--temperature", "0.9", "--top-k", "40", "--min-p", "0.01")
        limits = ("--limit", "6", "--max-tokens", "60")
        done = bydawn("run", "generate", prompts, *limits, *sampled, *options, "--model", model, "--out", out)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["text"] for line in (out / "results.jsonl").read_text().splitlines()]

    assert set(answers("choices", "--choices", "yes,no")) <= {"yes", "no"}
    assert all(re.fullmatch("[A-C]{3}", answer) for answer in answers("regex", "--regex", "[A-C]{3}"))
    assert {json.loads(answer) for answer in answers("schema", "--json-schema", schema)} <= {"low", "high"}
