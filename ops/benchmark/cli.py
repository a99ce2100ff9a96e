"""The command: `bash ops/bench cpu`, `exact`, `scheduler`, `memory`, `labels`, `orders` and `summaries`.

`bash ops/bench gpu` is `ops/benchmark/gpu/`, which needs none of the packages that this does.
"""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.tokenizer import Tokenizer
from ops.benchmark import exact as exactness
from ops.benchmark import memory as memory_use
from ops.benchmark import report, scheduler_time
from ops.benchmark.labels.command import labels
from ops.benchmark.labels.orders_command import orders
from ops.benchmark.run import Run
from ops.benchmark.screen import screen
from ops.benchmark.summaries.command import summaries
from ops.benchmark.systems import MODEL, Pythons, ceilings, systems
from ops.benchmark.works import works

HELP = """Measure the engine and its peers on the same work, in turns.

vLLM and llama.cpp are found through --vllm-python and --llama-python, each the Python of a venv of its own
(ops/BENCHMARKS.md says how to make them); without one, that system is left out. Works c and d need a folder
with tickets_clinc_domains_val.jsonl (github.com/clinc/oos-eval, relabelled to domains: fields text, label)
and summ_qmsum_segments_val.jsonl (github.com/Yale-LILY/QMSum, cut into segments: fields document, query).

What runs on a GPU has its own command, which needs torch and transformers alone: bash ops/bench gpu --help.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command()(labels)
app.command()(orders)
app.command()(summaries)
console = Console()
Letters = Annotated[str, typer.Option("--works", help="Letters of works: a,b,c,d,e.")]
Data = Annotated[Path | None, typer.Option(envvar="BYDAWN_BENCH_DATA", help="The folder of the data sets.")]
Rounds = Annotated[int, typer.Option(min=1, max=5, help="Rounds of each work; there are texts for five.")]
Names = Annotated[str | None, typer.Option("--systems", help="Names of systems; all if not given.")]
Seconds = Annotated[
    float,
    typer.Option(
        min=1, help="A system that would take longer gets the first requests only; the table says so."
    ),
]
Vllm = Annotated[str | None, typer.Option(envvar="BYDAWN_BENCH_VLLM_PYTHON", help="Python of vLLM's venv.")]
Llama = Annotated[
    str | None, typer.Option(envvar="BYDAWN_BENCH_LLAMA_PYTHON", help="Python of xllamacpp's venv.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write everything measured to this file.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the tables to this file.")]


@app.command()
def cpu(
    letters: Letters = "a,b,c,d,e",
    data: Data = None,
    rounds: Rounds = 3,
    names: Names = None,
    seconds_per_turn: Seconds = 150,
    vllm_python: Vllm = None,
    llama_python: Llama = None,
    json_file: Json = None,
    markdown_file: Markdown = None,
) -> None:
    """All systems on all works, interleaved."""
    _check_folders({"--json": json_file, "--markdown": markdown_file})
    every = works(Tokenizer.load(MODEL), data)
    chosen = list(_chosen("--works", letters, every).values())
    mine = list(_chosen("--systems", names, systems(Pythons(vllm_python, llama_python))).values())
    with screen(console) as shown:
        bounds = ceilings() if any(system.module == "bydawn" for system in mine) else ()
        outcome = Run(mine, bounds, seconds_per_turn, shown).works(chosen, rounds)
    if not outcome.turns:
        console.print("nothing was measured: every work or system was skipped, as said above")
        raise typer.Exit(1)
    for table in report.tables(outcome, every):
        console.print(table.for_screen())
    # Without paths: they are this machine's, and the report is for others.
    command = (
        f"bash ops/bench cpu --works {letters} --rounds {rounds} --seconds-per-turn {seconds_per_turn:g}"
    )
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(outcome, command), indent=1) + "\n", encoding="utf-8")
    if markdown_file is not None:
        markdown_file.write_text(report.markdown(outcome, every, mine, command), encoding="utf-8")


def _check_folders(files: dict[str, Path | None]) -> None:
    """A report that can't be written is told before the measurement, not after it."""
    for option, file in files.items():
        if file is not None and not file.parent.is_dir():
            raise typer.BadParameter(f"{option} {file}: the folder {file.parent} is not there; make it first")
        if file is not None and file.is_dir():
            raise typer.BadParameter(f"{option} {file} is a folder; name a file in it")


def _chosen(option: str, given: str | None, every: dict[str, Any]) -> dict[str, Any]:
    names = list(every) if given is None else given.split(",")
    if unknown := [name for name in names if name not in every]:
        raise typer.BadParameter(f"{option} {','.join(unknown)}: use some of {','.join(every)}")
    return {name: every[name] for name in names}


@app.command()
def exact() -> None:
    """Our greedy tokens against transformers' `generate`, one request at a time."""
    work = works(Tokenizer.load(MODEL), None)["a"]
    with screen(console) as shown:
        table, _ = exactness.compare(systems(Pythons(None, None)), work, shown)
    console.print(table.for_screen())


@app.command()
def scheduler() -> None:
    """What scheduling costs a step with 256 running and 100,000 waiting sequences."""
    times = scheduler_time.measure()
    console.print(
        f"schedule and complete, {times.least_running} running, {times.least_waiting:,} waiting: "
        f"{times.median_ms:.2f} ms a step (median of {times.steps}), {times.max_ms:.2f} ms at most"
    )


@app.command()
def memory() -> None:
    """Whether memory stays level over 20,000 requests; exit code 1 if it doesn't."""
    with tempfile.TemporaryDirectory() as folder:
        found = memory_use.measure(Path(folder))
    console.print(
        f"resident: {found.early_bytes >> 20} MiB after {memory_use.FIRST_REQUESTS:,} requests, "
        f"{found.late_bytes >> 20} MiB after {memory_use.REQUESTS:,}: {found.growth:+.1%} "
        f"(at most {memory_use.ALLOWED_GROWTH:+.0%})"
    )
    raise typer.Exit(0 if found.holds else 1)
