"""`bash ops/bench gpu`: from arguments to tables and files."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

from ops.benchmark.gpu import report
from ops.benchmark.gpu.asked import ALL, CEILINGS, Asked, Refused, asked
from ops.benchmark.gpu.every_work import run_every_work
from ops.benchmark.gpu.results import Ceilings, Findings, as_json, from_json
from ops.benchmark.gpu.run import Limits, Run
from ops.benchmark.gpu.screen import Screen
from ops.benchmark.gpu.shapes import shapes
from ops.benchmark.gpu.systems import Case, Place
from ops.benchmark.gpu.works import works
from ops.benchmark.machine import machine
from ops.benchmark.process import ROOT, SystemFailed
from ops.benchmark.tables import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 2 for what cannot be asked for, 1 where something was not measured."""
    try:
        wanted = asked(arguments)
        known = None if wanted.ceilings is None else _read_ceilings(wanted.ceilings)
    except Refused as refusal:
        print(f"bydawn: {refusal}", file=sys.stderr)
        return 2
    findings = run_every_work(wanted) if wanted.command == ALL else _measure(wanted, known)
    for table in _tables(wanted, findings, known):
        print(table.plain())
    for what in findings.skipped:
        print(f"not measured: {what}")
    _write(wanted, findings)
    return 1 if findings.skipped else 0


def _read_ceilings(file: Path) -> Ceilings:
    try:
        ceilings = from_json(json.loads(file.read_text(encoding="utf-8"))).ceilings
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"--ceilings {file}: not a JSON of this command's ({error!r})") from error
    if ceilings is None:
        raise Refused(f"--ceilings {file}: it has none; `ceilings --json FILE` measures them")
    return ceilings


def _measure(wanted: Asked, known: Ceilings | None) -> Findings:
    findings = Findings(wanted.line(), known, versions=revision())
    limits = Limits(time.monotonic() + wanted.minutes * 60, wanted.seconds_per_turn)
    logs = Path(mkdtemp(prefix="bydawn-bench-"))
    run = Run(Place(wanted.device, wanted.tiny), findings, limits, Screen(), logs)
    try:
        if known is None:
            run.ceilings()
        if wanted.command != CEILINGS:
            _measure_work(run, wanted)
    except SystemFailed as error:
        run.skip(f"{wanted.command}: {error}")
    if not any(logs.iterdir()):
        logs.rmdir()
    return findings


def revision() -> dict[str, str]:
    """Which commit of bydawn this is, where git can tell."""
    if (git := shutil.which("git")) is None:
        return {}
    command = [git, "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"bydawn": done.stdout.strip()} if done.returncode == 0 else {}


def _measure_work(run: Run, wanted: Asked) -> None:
    work = wanted.work
    for name in wanted.models(work):
        shape = shapes(wanted.tiny)[name]
        case = Case(work, shape, run.make_model(name, shape))
        run.case(case, wanted.systems_of(work), wanted.rounds)


def _tables(wanted: Asked, findings: Findings, known: Ceilings | None) -> Iterator[Table]:
    if wanted.command == ALL:
        yield report.short(findings, works(wanted.tiny))
        return
    if findings.ceilings is not None and known is None:
        yield report.card_table(findings.ceilings)
    yield from report.tables(findings, works(wanted.tiny))


def _write(wanted: Asked, findings: Findings) -> None:
    if wanted.json is not None:
        text = json.dumps(as_json(findings, machine()), indent=1)
        wanted.json.write_text(f"{text}\n", encoding="utf-8")
    if wanted.markdown is not None:
        text = report.markdown(findings, works(wanted.tiny), machine())
        wanted.markdown.write_text(text, encoding="utf-8")
