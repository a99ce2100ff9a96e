"""The command: `bash ops/chaos --minutes 20`."""

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.crash.chaos import report
from tests.crash.chaos.run import Options, Verdict, run
from tests.crash.chaos.screen import screen

HELP = """Keep jobs running through real processes while everything is killed, cut off and stopped at random.

There are workers with a stub for an engine, a Valkey and an S3 server, each reached through proxies. At the
end every row of every job is looked at. The exit code is 1 if one is lost, there twice or wrong, if a part
was written twice or a row called poison, if a job has not ended --grace seconds after the last fault, or if
a process ended by itself.
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None)
console = Console()
MAX_SHOWN_FINDINGS = 20

Minutes = Annotated[float, typer.Option(min=0.1, help="How long faults go on.")]
Seed = Annotated[int | None, typer.Option(help="Of faults and jobs.", show_default="drawn, and printed")]
Workers = Annotated[int, typer.Option(min=2, max=16, help="Worker processes at a time.")]
Grace = Annotated[float, typer.Option(min=1, help="Seconds from the last fault to the last job's end.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the verdict to this file, too.")]
Logs = Annotated[Path | None, typer.Option(help="A new folder, for what every process says.")]


@app.command(help=HELP)
def main(
    minutes: Minutes = 20.0,
    seed: Seed = None,
    workers: Workers = 3,
    grace: Grace = 120.0,
    json_file: Json = None,
    logs: Logs = None,
) -> None:
    if json_file is not None and not json_file.parent.is_dir():
        folder = json_file.parent
        raise typer.BadParameter(f"--json {json_file}: the folder {folder} is not there; make it first")
    options = Options(random.randrange(1 << 32) if seed is None else seed, minutes, workers, grace)
    console.print(f"seed {options.seed}: give it with --seed to have the same faults and jobs again")
    with _folder(logs) as folder, screen(console) as shown:
        verdict = run(options, folder, shown)
    console.print(report.table(options, verdict))
    _show_findings(verdict, logs)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(options, verdict), indent=1) + "\n", encoding="utf-8")
    raise typer.Exit(verdict.exit_code)


@contextmanager
def _folder(logs: Path | None) -> Iterator[Path]:
    if logs is None:
        with tempfile.TemporaryDirectory(prefix="bydawn-chaos-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        if logs.exists():
            raise typer.BadParameter(f"--logs {logs} is there already; name a folder that isn't")
        logs.mkdir(parents=True)
        yield logs.resolve()


def _show_findings(verdict: Verdict, logs: Path | None) -> None:
    for finding in verdict.findings[:MAX_SHOWN_FINDINGS]:
        console.print(
            f"{finding.defect}: {finding.where}", markup=False, highlight=False, soft_wrap=True, style="red"
        )
    if verdict.findings:
        where = f"in {logs}" if logs is not None else "gone; the same seed with --logs FOLDER keeps it"
        console.print(f"{len(verdict.findings)} findings; what every process said is {where}", soft_wrap=True)
