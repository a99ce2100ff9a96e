"""`bydawn fit` and `classify --head`, as a team uses them: a history in, a head, labels out."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from jobs.heads import HeadCard
from tests.engine.tiny import save_model
from tests.integration.commands import bydawn

pytestmark = pytest.mark.integration

WORDS = {
    "billing": ["invoice", "charged", "refund", "amount"],
    "access": ["password", "login", "locked", "reset"],
    "delivery": ["parcel", "late", "courier", "address"],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "tiny-llama")


def tickets(label: str, count: int, seed: int) -> list[str]:
    draw = random.Random(f"{label} {seed}")
    return [f"ticket {n} {' '.join(draw.choices(WORDS[label], k=12))}" for n in range(count)]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    rows = [f"{text},{label}" for label in WORDS for text in tickets(label, 40, seed=1)]
    path.write_text("\n".join(["body,team", *rows, "nobody labelled me,", rows[0], ""]))
    return path


def test_a_head_fitted_on_a_history_labels_new_rows_as_well_as_it_says(
    history: Path, model: Path, tmp_path: Path
) -> None:
    head, out = tmp_path / "head", tmp_path / "out"
    columns = ("--text-field", "body", "--label-field", "team")
    fitted = bydawn("fit", history, *columns, "--layer", "2", "--model", model, "--out", head)
    assert fitted.returncode == 0, fitted.stderr
    assert "1 without a label, 1 text given before" in fitted.stdout
    assert sorted(each.name for each in head.iterdir()) == ["head.json", "head.safetensors"]
    card = HeadCard.model_validate_json((head / "head.json").read_bytes())
    assert (card.rows, card.vectors.layer, card.labels) == (120, 2, ("access", "billing", "delivery"))

    truth = {f"{label} {n}": (label, text) for label in WORDS for n, text in enumerate(tickets(label, 40, 2))}
    rows = [{"id": row_id, "text": text} for row_id, (_, text) in truth.items()]
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    done = bydawn("run", "classify", source, "--head", head, "--out", out)  # whose model it is, the head says
    assert done.returncode == 0, done.stderr
    assert f"loading {model}\n" in done.stderr
    results = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["id"] for line in results] == list(truth)
    right = sum(line["label"] == truth[line["id"]][0] for line in results)
    assert right / len(truth) >= card.held_out.accuracy - 0.1 > 0.6
