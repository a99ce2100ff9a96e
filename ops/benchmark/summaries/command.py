"""`bash ops/bench summaries`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ops.benchmark.machine import machine
from ops.benchmark.summaries.figures import Figures, figures, table
from ops.benchmark.summaries.sets import SETS, Item, Set
from ops.benchmark.summaries.writers import Written, ours, write_baseline, write_ours
from ops.benchmark.texts import DataMissing

CONTEXT_TOKENS = 8192
EVERY = ",".join(SETS)
OURS, BASELINE = "bydawn", "transformers, text cut off"

console = Console()
Only = Annotated[str, typer.Option(help=f"Some of {','.join(SETS)}.")]
Data = Annotated[Path | None, typer.Option(envvar="BYDAWN_BENCH_DATA", help="The folder of the data sets.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first rows of each set.")]
Systems = Annotated[str, typer.Option(help="ours, baseline, or both.")]
ModelName = Annotated[str, typer.Option("--model", help="Name, folder, GGUF file or hub name.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write figures and all summaries to this file.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table to this file.")]


def summaries(
    only: Only = EVERY,
    data: Data = None,
    limit: Limit = None,
    systems: Systems = "both",
    model: ModelName = "smollm2-135m-instruct",
    json_file: Json = None,
    markdown_file: Markdown = None,
) -> None:
    """Our summaries and those of the same model with its texts cut off, on the same documents."""
    _check(only, systems, (json_file, markdown_file))
    found: list[Figures] = []
    texts: dict[str, list[dict[str, Any]]] = {}
    for chosen, items in _chosen(only.split(","), data, limit):
        for system, written in _written(systems, model, chosen, items):
            found.append(figures(chosen, system, items, written))
            texts[f"{chosen.name}: {system}"] = [asdict(each) for each in written]
            console.print(table(found[-1:]).turned().for_screen())
    if not found:
        raise typer.Exit(1)
    limited = "" if limit is None else f" --limit {limit}"
    command = f"bash ops/bench summaries --only {only}{limited} --systems {systems}"
    if json_file is not None:
        content = {
            "command": command,
            "machine": machine(),
            "figures": list(map(asdict, found)),
            "texts": texts,
        }
        json_file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if markdown_file is not None:
        heading = f"{machine()}\n\nCommand: `{command}`\n\n"
        markdown_file.write_text(heading + table(found).for_markdown(), encoding="utf-8")


def _check(only: str, systems: str, files: Sequence[Path | None]) -> None:
    """What can't be is told now, not when all is written."""
    if unknown := [name for name in only.split(",") if name not in SETS]:
        raise typer.BadParameter(f"--only {','.join(unknown)}: use some of {','.join(SETS)}")
    if systems not in ("ours", "baseline", "both"):
        raise typer.BadParameter(f"--systems {systems}: use ours, baseline or both")
    if find_spec("rouge_score") is None:
        raise typer.BadParameter("it needs rouge-score: pip install -c ops/constraints.txt rouge-score")
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise typer.BadParameter(f"{file}: the folder {file.parent} is not there; make it first")


def _chosen(names: Sequence[str], data: Path | None, limit: int | None) -> Iterator[tuple[Set, list[Item]]]:
    for name in names:
        try:
            yield SETS[name], SETS[name].items(data)[:limit]
        except DataMissing as missing:
            console.print(f"skipped: {name}: {missing}", style="yellow", markup=False, soft_wrap=True)


def _written(
    systems: str, model: str, chosen: Set, items: Sequence[Item]
) -> Iterator[tuple[str, list[Written]]]:
    if systems != "baseline":
        with _told(f"{chosen.title}: {OURS}"), ours(model, CONTEXT_TOKENS) as loaded:
            yield OURS, write_ours(loaded, chosen, items)
    if systems != "ours":
        with _told(f"{chosen.title}: {BASELINE}"):
            yield BASELINE, write_baseline(model, CONTEXT_TOKENS, chosen, items)


@contextmanager
def _told(what: str) -> Iterator[None]:
    with console.status(what):
        yield
