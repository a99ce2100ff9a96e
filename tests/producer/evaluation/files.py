"""`bydawn evaluate` as tests give it, and the files that it is given."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., tuple[int, str, str]]

HOSTILE = "<script>alert(1)</script>\x1b[2J\x00\u202e\"'>{{ 7*7 }} $x^2$ <img src=x onerror=alert(1)>"


def in_json(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert code == 0
    assert all(line.endswith(" is written") for line in err.splitlines())
    document: dict[str, Any] = json.loads(out)
    return document


def write(path: Path, *records: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def label_of(row_id: str, label: str | None, confidence: float) -> dict[str, Any]:
    return {"id": row_id, "label": label, "confidence": confidence, "scores": {"a": 0.5, "b": 0.5}}
