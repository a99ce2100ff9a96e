"""`bash ops/bench labels`."""

import json
import tempfile
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ops.benchmark.labels.splits import BANKING, CLINC
from ops.benchmark.labels.ways import (
    Bench,
    Figures,
    Way,
    few_shot,
    head_on_banking,
    head_on_clinc,
    head_on_encoder,
    zero_shot,
)
from ops.benchmark.machine import machine
from ops.benchmark.tables import Table

WAYS: dict[str, list[Way]] = {
    "zero-shot": [zero_shot],
    "few-shot": [partial(few_shot, seed=seed) for seed in range(5)],
    "head": [head_on_clinc, head_on_banking],
    "encoder": [head_on_encoder],
}
EVERY = ",".join(WAYS)

console = Console()
Only = Annotated[str, typer.Option(help=f"Some of {EVERY}.")]
Data = Annotated[Path | None, typer.Option(envvar="BYDAWN_BENCH_DATA", help="The folder of the data sets.")]
Rows = Annotated[int, typer.Option(min=10, max=1000, help="How many rows of each set are labelled.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table to this file.")]


def labels(
    only: Only = EVERY,
    data: Data = None,
    rows: Rows = 1000,
    json_file: Json = None,
    markdown_file: Markdown = None,
) -> None:
    """How many labels of tickets are right: by prompts, with examples, with fitted heads, with an encoder."""
    if unknown := [name for name in only.split(",") if name not in WAYS]:
        raise typer.BadParameter(f"--only {','.join(unknown)}: use some of {','.join(WAYS)}")
    folder = folder_of_data(data)
    found: list[Figures] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, way in enumerate(way for name in only.split(",") for way in WAYS[name]):
            place = Path(scratch) / str(number)
            place.mkdir()
            with console.status(f"{number + 1}. of the ways"):
                found.append(way(Bench(place, rows), folder))
            console.print(_table(found[-1:]).for_screen())
    command = f"bash ops/bench labels --only {only} --rows {rows}"
    if json_file is not None:
        content = {"command": command, "machine": machine(), "figures": list(map(asdict, found))}
        json_file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if markdown_file is not None:
        heading = f"{machine()}\n\nCommand: `{command}`\n\n"
        markdown_file.write_text(heading + _table(found).for_markdown(), encoding="utf-8")


def folder_of_data(data: Path | None) -> Path:
    """It has the sets; what is missing is told now, not when all is labelled."""
    if data is None or not all((data / name).is_file() for name in (CLINC, BANKING)):
        raise typer.BadParameter(f"--data must name a folder with {CLINC} and {BANKING}")
    if find_spec("sklearn") is None:
        raise typer.BadParameter("it needs scikit-learn: pip install -c ops/constraints.txt scikit-learn")
    return data


def _table(found: list[Figures]) -> Table:
    return Table(
        "Labels", ["way", "accuracy", "F1", "ECE", "rows", "rows/s"], [_cells(each) for each in found]
    )


def _cells(each: Figures) -> list[str]:
    figures = (each.accuracy, each.macro_f1, each.calibration_error)
    return [each.way, *(f"{figure:.3f}" for figure in figures), f"{each.rows:,}", f"{each.rows_per_s:.1f}"]
