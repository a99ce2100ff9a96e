"""What the README and the guide point at is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "ops/GUIDE.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:tests|engine|worker|jobs|producer|ops)/[\w./]*)`", README)))
_OWN = re.sub(r"^(pip|python) .*|`(pip|python) [^`]*`", "", README + GUIDE, flags=re.MULTILINE)
OPTIONS = sorted(set(re.findall(r"(?<=[ `(])--[a-z][a-z-]+", _OWN)))
HEADINGS = re.findall(r"^## (.*)", GUIDE, flags=re.MULTILINE)
LINKS = sorted(set(re.findall(r"\]\(#([\w-]+)\)", GUIDE)))


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


def test_the_commands_that_the_guide_says_take_json_are_those_that_do() -> None:
    (said,) = re.findall(r"((?:`\w+`[\s,and]+)+)take `--json`", GUIDE)
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


_COMMANDS: list[tuple[str, ...]] = [
    *((do, kind) for do in ("run", "submit") for kind in ("classify", "summarize", "generate", "embed")),
    *((name,) for name in ("fit", "evaluate", "retry", "rm", "worker", "status", "results")),
]


@pytest.fixture(scope="module")
def helps() -> str:
    return "".join(_help(*command) for command in _COMMANDS)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_that_is_named_is_one_of_a_command(option: str, helps: str) -> None:
    assert re.search(rf"{option}(?![a-z-])", helps)


@pytest.mark.parametrize("link", LINKS)
def test_a_link_inside_the_guide_leads_to_a_heading(link: str) -> None:
    headings = [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in HEADINGS]
    assert link in headings
