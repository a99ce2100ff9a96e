"""The ways of asking, each by the commands that people give."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.benchmark.labels.splits import NUM_HISTORY, Row, Split, banking, clinc, some_of_each, write

ENCODER = "all-minilm-l6-v2"
EXAMPLES_A_LABEL = 3


@dataclass(frozen=True, slots=True)
class Figures:
    """One way on one set; `rows_per_s` is from submission to report, on whatever else this machine does."""

    way: str
    accuracy: float
    macro_f1: float
    calibration_error: float
    rows: int
    rows_per_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Where files of one run lie; `num_rows` of each test set are labelled."""

    folder: Path
    num_rows: int

    def labelled(self, way: str, split: Split, *options: str) -> Figures:
        """Label the test rows, and compare."""
        test, out, report = self._run(way, split.test[: self.num_rows], *options)
        found = _bydawn("evaluate", str(out), "--truth", str(test), "--json")["evaluation"]
        return Figures(
            way=way,
            accuracy=found["figures"]["accuracy"],
            macro_f1=found["figures"]["macro_f1"],
            calibration_error=found["calibration"]["error"],
            rows=report["rows"],
            rows_per_s=report["rows"] / _seconds(report),
        )

    def labels(self, way: str, rows: Sequence[Row], *options: str) -> dict[str, str | None]:
        """What each id is labelled as."""
        _, out, _ = self._run(way, rows, *options)
        results = map(json.loads, (out / "results.jsonl").read_text(encoding="utf-8").splitlines())
        return {result["id"]: result["label"] for result in results}

    def _run(self, way: str, rows: Sequence[Row], *options: str) -> tuple[Path, Path, Any]:
        """The rows' file, the folder of their results, and the report."""
        name = way.replace(" ", "-").replace(",", "")
        file, out = write(rows, self.folder / f"{name}.jsonl"), self.folder / f"{name}-out"
        return file, out, _bydawn("run", "classify", str(file), *options, "--out", str(out), "--json")

    def head(self, name: str, history: list[dict[str, str]], *options: str) -> str:
        """A folder with a head that was fitted on these rows."""
        file, out = write(history, self.folder / f"{name}.history.jsonl"), self.folder / f"{name}.head"
        _bydawn("fit", str(file), "--out", str(out), *options, "--json")
        return str(out)


Way = Callable[[Bench, Path], Figures]


def zero_shot(bench: Bench, data: Path) -> Figures:
    split = clinc(data)
    return bench.labelled("CLINC, no examples", split, "--labels", ",".join(split.labels))


def few_shot(bench: Bench, data: Path, seed: int) -> Figures:
    split = clinc(data)
    way = f"CLINC, {EXAMPLES_A_LABEL} a label, draw {seed}"
    examples = write(
        some_of_each(split.pool, EXAMPLES_A_LABEL, seed), bench.folder / f"examples-{seed}.jsonl"
    )
    return bench.labelled(way, split, "--labels", ",".join(split.labels), "--examples", str(examples))


def head_on_clinc(bench: Bench, data: Path) -> Figures:
    split = clinc(data)
    head = bench.head("clinc", list(split.pool[:NUM_HISTORY]))
    return bench.labelled(f"CLINC, head of {NUM_HISTORY:,} rows", split, "--head", head)


def head_on_banking(bench: Bench, data: Path) -> Figures:
    split = banking(data)
    head = bench.head("banking", list(split.pool))
    return bench.labelled("banking77, head of 30 a label", split, "--head", head)


def head_on_encoder(bench: Bench, data: Path) -> Figures:
    split = clinc(data)
    head = bench.head("encoder", list(split.pool[:NUM_HISTORY]), "--model", ENCODER)
    way = f"CLINC, head on {ENCODER}"
    return bench.labelled(way, split, "--head", head, "--model", ENCODER)


def _bydawn(*arguments: str) -> Any:
    """What the command answers with --json; partial jobs count, too: failed rows are wrong ones."""
    done = subprocess.run(
        [sys.executable, "-m", "producer", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"bydawn {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _seconds(report: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(report[name]) for name in ("created_at", "finished_at"))
    return (ended - began).total_seconds()
