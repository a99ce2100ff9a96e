"""`bydawn run` with models that read a whole text at once."""

import json
import re
from pathlib import Path

import pytest

from tests.engine.encoders.tiny import LABELS, save_classifier
from tests.integration.commands import bydawn

pytestmark = pytest.mark.integration


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.jsonl"
    texts = [*(f"a bug in the account page {n}" for n in range(20)), "x " * 200]
    path.write_text("".join(json.dumps({"id": f"t{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


def test_a_classifier_tells_its_own_labels_and_refuses_what_it_cannot_do(
    tickets: Path, tmp_path: Path, valkey_url: str
) -> None:
    model, out = save_classifier("distilbert", tmp_path / "model"), tmp_path / "out"
    done = bydawn("run", "classify", tickets, "--model", model, "--out", out)
    assert done.returncode == 1, "a text that is too long has failed"
    results = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [result["id"] for result in results] == [f"t{n}" for n in range(20)]
    for result in results:
        assert set(result["scores"]) == set(LABELS)
        assert result["label"] == max(result["scores"], key=result["scores"].__getitem__)
    (failed,) = [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]
    assert (failed["id"], failed["code"]) == ("t20", "too_long")
    assert re.search(r"rows · .* s, after [0-9.]+ s of loading\n", done.stdout)
    remedy = re.search("--max-failed-share .* --overwrite", done.stdout)
    assert remedy is not None
    accepted = bydawn("run", "classify", tickets, "--model", model, "--out", out, *remedy.group().split())
    assert accepted.returncode == 0, accepted.stdout
    env = {"BYDAWN_STORE": str(out / ".bydawn" / "store"), "BYDAWN_BROKER_URL": valkey_url}
    refused = bydawn("submit", "generate", tickets, "--model", model, env=env)
    assert refused.returncode == 2
    assert "can't generate: it can classify and embed" in refused.stderr
