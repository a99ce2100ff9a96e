"""`bash ops/bench gpu all`: what becomes of a work that fails, hangs or is killed."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from ops.benchmark.gpu import every_work
from ops.benchmark.gpu.asked import asked
from ops.benchmark.gpu.every_work import run_every_work

# Stands in for the Python that runs one work: writes what it has found, and then ends in its own way.
STAND_IN = """\
#!{python}
import json, os, sys, time
work, file = sys.argv[3], sys.argv[sys.argv.index("--json") + 1]
ceilings = {{"bytes_a_s": 1, "flops_a_s": 1, "card": {{}}, "each_bytes_a_s": {{}}, "each_flops_a_s": {{}}}}
known = "--ceilings" in sys.argv
found = {{"command": "", "turns": [], "versions": {{work: str(known)}}, "skipped": []}}
with open(file, "w") as stream:
    json.dump(found | {{"ceilings": ceilings if work == "ceilings" else None}}, stream)
if work == "b":
    sys.exit(1)
if work == "c":
    os.kill(os.getpid(), 9)
if work == "decode":
    time.sleep(60)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(dedent(STAND_IN.format(python=sys.executable)))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(every_work, "GRACE_S", 0)


@pytest.mark.usefixtures("stand_in")
def test_a_work_that_fails_is_named_and_the_others_are_measured_on_a_card_that_was_measured_once() -> None:
    findings = run_every_work(asked(["all", "--device", "cpu", "--minutes", "0.05"]))
    assert findings.skipped == [
        "b: it ended with 1",
        "c: it was ended by SIGKILL",
        "decode: it had not ended after 3 s",
    ]
    assert findings.ceilings is not None
    assert list(findings.versions) == ["ceilings", "a", "b", "c", "decode", "prefill"]
    assert findings.versions.pop("ceilings") == "False"
    assert set(findings.versions.values()) == {"True"}
