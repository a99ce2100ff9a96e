"""`bash ops/bench gpu` as a user has it: where little is installed, and where what is asked cannot be."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from ops.benchmark.gpu.asked import COMMANDS, asked
from ops.benchmark.gpu.command import main
from ops.benchmark.gpu.results import Findings, as_json, from_json
from ops.benchmark.gpu.shapes import QWEN, REAL
from ops.benchmark.gpu.systems import NAMES
from ops.benchmark.gpu.works import works
from tests.ops.gpu_bench.stats import CEILINGS

ROOT = Path(__file__).parents[3]
# What GPU machines lack, though torch and transformers are there.
MISSING = ("pydantic", "typer", "rich", "numba", "boto3", "redis", "celery", "llguidance", "gguf", "pyarrow")
# Runs before anything else: what is missing is not found, as if it were not installed.
SITE = dedent(
    f"""
    import sys
    from importlib.machinery import PathFinder

    class Finder(PathFinder):
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            return None if name.partition(".")[0] in {MISSING!r} else super().find_spec(name, path, target)

    sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
    """
)
IMPORTS = dedent(
    """
    import importlib, pkgutil, sys

    import ops.benchmark.gpu.command
    assert "torch" not in sys.modules, "the command waits for torch before it says what is wrong"
    import ops.benchmark.gpu
    for module in pkgutil.iter_modules(ops.benchmark.gpu.__path__, "ops.benchmark.gpu."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for peer in ("transformers_continuous", "transformers_static"):
        importlib.import_module(f"ops.benchmark.peers.{peer}")
    """
)


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python finds no more than on a GPU machine, and an empty cache."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    own = {"PYTHONPATH": str(site), "PYTHON": sys.executable, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return os.environ | own


def test_nothing_is_imported_that_a_gpu_machine_lacks(bare: dict[str, str]) -> None:
    command = [sys.executable, "-W", "ignore", "-c", IMPORTS]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def ceilings(tmp_path: Path) -> Path:
    """A file of an earlier run that says what the card can do."""
    file = tmp_path / "ceilings.json"
    file.write_text(json.dumps(as_json(Findings("a command", CEILINGS), "a machine")))
    return file


@pytest.mark.integration
def test_a_work_runs_from_end_to_end_where_little_is_installed(
    bare: dict[str, str], ceilings: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    command = ["bash", str(ROOT / "ops" / "bench"), "gpu", "decode", "--device", "cpu", "--tiny"]
    command += ["--ceilings", str(ceilings), "--json", str(report)]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "share of memory bandwidth in decode steps" in done.stdout
    (turn,) = from_json(json.loads(report.read_text())).turns
    assert (turn.system, turn.requests) == ("bydawn", 8)
    assert turn.inside is not None
    assert turn.inside.decode is not None


REFUSED = {
    "--device tpu": "use cpu, cuda or cuda:N",
    "--device cuda:-1": "use cpu, cuda or cuda:N",
    "--device cpu --model gpt2": "use qwen3-0.6b or llama-3.1-8b",
    "--device cpu --systems vllm": "use some of bydawn,bydawn-label-only,",
    "--device cpu --systems bydawn-label-only": "use it with work b",
    "--device cpu --json nowhere/report.json": "make it first",
    "--device cpu --markdown ops": "name a file in it",
    "--device cpu --ceilings nowhere.json": "`ceilings --json FILE` writes one",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_measured(
    options: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["a", *options.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bydawn: {options.removeprefix('--device cpu ')}")
    assert REFUSED[options] in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, which is not missing")
def test_without_a_gpu_one_line_says_so_and_how_to_see_the_bench_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["all"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bydawn: --device cuda: ")
    assert "--device cpu --tiny" in line


@pytest.mark.parametrize("text", ["{}", "no json", '{"ceilings": 3}'])
def test_another_file_than_a_report_has_no_ceilings(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text(text)
    assert main(["a", "--device", "cpu", "--ceilings", str(tmp_path / "file")]) == 2
    assert "not a JSON of this command's" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", ["--rounds 0", "--rounds -1", "--minutes 0", "--seconds-per-turn nan", "--bogus"]
)
def test_a_wrong_number_or_option_ends_with_2(options: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["a", "--device", "cpu", *options.split()])
    assert ended.value.code == 2


def test_label_only_has_no_turn_in_a_work_without_labels() -> None:
    wanted = asked(["a", "--device", "cpu", "--systems", "bydawn,bydawn-label-only"])
    assert wanted.systems_of(wanted.work) == ("bydawn",)


def test_the_command_in_a_report_has_no_path_in_it(tmp_path: Path) -> None:
    wanted = asked(["a", "--device", "cpu", "--tiny", "--json", str(tmp_path / "report")])
    assert wanted.line() == (
        "bash ops/bench gpu a --device cpu --rounds 1 --seconds-per-turn 45 --minutes 8 --tiny"
    )


SECTION = (ROOT / "ops" / "BENCHMARKS.md").read_text().partition("\n## On a GPU\n")[2].partition("\n## ")[0]


def test_what_the_documentation_names_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][a-z-]+", SECTION)) <= options
    assert set(re.findall(r"bash ops/bench gpu (\w+)", SECTION)) == set(COMMANDS)
    assert set(NAMES) <= set(re.findall(r"[\w-]+", SECTION)) | {"bydawn"}


def test_the_documentation_gives_the_lengths_that_the_works_have() -> None:
    items = works(tiny=False)["a"].turn(0, REAL[QWEN]).items
    assert f"{sum(len(item.prompt) for item in items):,} tokens in" in SECTION
    assert f"{sum(item.max_tokens for item in items):,} out" in SECTION
