"""`bash ops/chaos`, for some seconds, and what it says of what it finds."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from rich.console import Console
from typer.testing import CliRunner

from jobs.outcome import Status
from tests.crash.chaos import report
from tests.crash.chaos.audit import Defect, Finding
from tests.crash.chaos.cli import app
from tests.crash.chaos.plan import Fault
from tests.crash.chaos.run import Options, Verdict
from tests.integration.commands import all_ended, wait_until

COMMAND = [sys.executable, "-m", "tests.crash.chaos", "--workers", "2"]
OPTIONS = Options(seed=7, minutes=20, num_workers=3, grace_s=120)


@pytest.mark.integration
def test_a_short_run_strikes_and_every_row_is_where_it_belongs(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    done = subprocess.run(
        [*COMMAND, "--minutes", "0.3", "--seed", "10", "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(file.read_text())
    assert told["kills"] >= 1
    assert told["jobs"] >= 1
    assert told["rows"] == sum(told["outcomes"].values()) > 0
    assert told["findings"] == []
    assert "seed 10" in done.stdout


@pytest.mark.integration
def test_a_run_that_is_told_to_stop_leaves_no_process() -> None:
    run = subprocess.Popen([*COMMAND, "--seed", "10"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    children: list[psutil.Process] = []
    try:
        assert run.stdout is not None
        with run.stdout as lines:
            while b"work and faults" not in (line := lines.readline()):
                assert line, "it ended before it began"
            children = psutil.Process(run.pid).children(recursive=True)
            assert len(children) > 4, "two workers, their engines, a Valkey and a store"
            run.terminate()
            assert run.wait(60) == 130
        wait_until(lambda: all_ended(children), 60, "the end of all that it had started")
    finally:
        run.kill()
        run.wait()
        for each in children:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def test_every_defect_is_in_the_table_and_in_the_json() -> None:
    verdict = Verdict(findings=[Finding(defect, "here") for defect in Defect for _ in range(3)])
    console = Console(width=100)
    with console.capture() as capture:
        console.print(report.table(OPTIONS, verdict))
    lines = capture.get().splitlines()
    assert all(any(defect in line and " 3 " in line for line in lines) for defect in Defect)
    told = report.as_json(OPTIONS, verdict)
    assert set(told["defects"].values()) == {3}
    assert told["findings"][0] == {"defect": "lost", "where": "here"}


def test_kills_are_counted_apart_from_other_faults() -> None:
    verdict = Verdict()
    verdict.faults.update({Fault.KILL_WORKER: 5, Fault.WIPE_REDIS: 2, Fault.LOSE_ANSWERS: 9})
    verdict.ended.update({Status.OK: 1234})
    assert report.as_json(OPTIONS, verdict)["kills"] == 7
    assert verdict.exit_code == 0
    assert Verdict(findings=[Finding(Defect.POISON, "here")]).exit_code == 1


@pytest.mark.parametrize(
    ("option", "name", "remedy"), [("--json", "nowhere/x", "make it first"), ("--logs", ".", "name a folder")]
)
def test_what_can_not_be_written_is_refused_before_anything_is_started(
    option: str, name: str, remedy: str, tmp_path: Path
) -> None:
    refused = CliRunner().invoke(app, [option, str(tmp_path / name)], env={"COLUMNS": "500"})
    assert refused.exit_code == 2
    assert remedy in refused.output
