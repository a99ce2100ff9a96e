"""What the README points at is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:tests|engine|worker|jobs|producer|ops)/[\w./]*)`", README)))


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_the_readme_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def _help(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "producer", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "PATH": ""},
    ).stdout


def test_the_commands_that_the_readme_says_take_json_are_those_that_do() -> None:
    (said,) = re.findall(r"((?:`\w+`[\s,and]+)+)take `--json`", README)
    every: list[tuple[str, ...]] = [
        (name,)
        for name in (
            "status",
            "jobs",
            "dead",
            "queues",
            "results",
            "cancel",
            "retry",
            "fit",
            "evaluate",
            "rm",
            "repair",
            "worker",
        )
    ]
    every += [("run", "embed"), ("submit", "embed")]
    taking = {command[0] for command in every if "--json" in _help(*command)}
    assert set(re.findall(r"\w+(?=`)", said)) == taking


@pytest.mark.parametrize("command", ["run", "submit"])
def test_every_option_that_the_readme_names_is_one_of_the_commands(command: str) -> None:
    helps = [_help(command, kind) for kind in ("classify", "summarize", "generate", "embed")]
    lines = [line for line in README.splitlines() if line.startswith(f"bydawn {command} ")]
    assert lines
    for option in re.findall(r"--[a-z-]+", " ".join(lines)):
        assert any(option in text for text in helps), option
