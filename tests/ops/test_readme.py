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


@pytest.mark.parametrize("command", ["run", "submit"])
def test_every_option_that_the_readme_names_is_one_of_the_commands(command: str) -> None:
    helps = [
        subprocess.run(
            [sys.executable, "-m", "producer", command, kind, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "200", "PATH": ""},
        ).stdout
        for kind in ("classify", "summarize", "generate", "embed")
    ]
    lines = [line for line in README.splitlines() if line.startswith(f"bydawn {command} ")]
    assert lines
    for option in re.findall(r"--[a-z-]+", " ".join(lines)):
        assert any(option in text for text in helps), option
