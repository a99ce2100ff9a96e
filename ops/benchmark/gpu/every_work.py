"""`bash ops/bench gpu all`: the others in turns, each in a process of its own that cannot take for ever."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ops.benchmark.gpu.asked import ALL, CEILINGS, COMMANDS, Asked
from ops.benchmark.gpu.results import Findings, from_json

# Beside the minutes in which it ends by itself: for what hangs.
GRACE_S = 60


def run_every_work(asked: Asked) -> Findings:
    """What all of them have found out; one that fails or hangs is skipped, with a word."""
    findings = Findings(asked.line())
    with tempfile.TemporaryDirectory(prefix="bydawn-bench-") as folder:
        known = asked.ceilings
        for name in COMMANDS:
            if name == ALL or (name == CEILINGS and known is not None):
                continue
            file = Path(folder) / f"{name}.json"
            if (problem := _run_one(asked, name, file, known)) is not None:
                findings.skipped.append(f"{name}: {problem}")
            if file.is_file():
                findings.take(from_json(json.loads(file.read_text(encoding="utf-8"))))
                known = known or (file if name == CEILINGS else None)
    return findings


def _run_one(asked: Asked, name: str, file: Path, ceilings: Path | None) -> str | None:
    """Why it failed, if it did; it prints its tables itself."""
    print(f"\n==> {name}: {COMMANDS[name]}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "ops.benchmark.gpu", name, *asked.options(), "--json", str(file)]
    if ceilings is not None:
        command += ["--ceilings", str(ceilings)]
    timeout_s = asked.minutes * 60 + GRACE_S
    try:
        code = subprocess.run(command, timeout=timeout_s, check=False).returncode
    except subprocess.TimeoutExpired:
        return f"it had not ended after {timeout_s:.0f} s"
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return None if code == 0 else f"it ended with {code}"
