"""Each bad input: one clear message that names the place and the remedy, exit code 2, no half-made job."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.manifest import ServedModel
from tests.integration.commands import bydawn

pytestmark = pytest.mark.integration

CLASSIFY = ("--labels", "billing,bug")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store on which a worker has served the default model."""
    folder = tmp_path / "store"
    (folder / "models").mkdir(parents=True)
    served = ServedModel(
        alias="smollm2-135m-instruct",
        fingerprint="f" * 16,
        name="smollm2-135m-instruct",
        max_model_len_tokens=8192,
        kinds=("classify",),
    )
    (folder / "models" / "smollm2-135m-instruct.json").write_text(served.model_dump_json())
    return folder


@pytest.fixture
def env(store: Path, valkey_url: str) -> dict[str, str]:
    return {"BYDAWN_STORE": str(store), "BYDAWN_BROKER_URL": valkey_url.replace("/0", "/3")}


def _write(name: str, text: str | bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


CASES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...], list[str]]] = {
    "missing file": (lambda folder: folder / "tickets.csv", CLASSIFY, ["tickets.csv"]),
    "misspelt file": (
        lambda folder: _write("tickets.csv", "id,text\n1,a\n")(folder).with_name("tickts.csv"),
        CLASSIFY,
        ["tickts.csv", "tickets.csv"],
    ),
    "missing column": (
        _write("t.csv", "id,body\n1,hello\n"),
        (*CLASSIFY, "--text-field", "text"),
        ["text", "body"],
    ),
    "duplicate ids": (_write("t.csv", "id,text\n7,a\n8,b\n7,c\n"), CLASSIFY, ["7", "t.csv:2", "t.csv:4"]),
    "empty file": (_write("t.csv", ""), CLASSIFY, ["t.csv"]),
    "header only": (_write("t.csv", "id,text\n"), CLASSIFY, ["t.csv"]),
    "broken JSON line": (_write("t.jsonl", '{"id":1,"text":"a"}\n{"id":2,\n'), CLASSIFY, ["t.jsonl:2"]),
    "broken CSV line": (_write("t.csv", "id,text\n1,a\n2,b,c,d\n"), CLASSIFY, ["t.csv:3"]),
    "one label": (_write("t.csv", "id,text\n1,a\n"), ("--labels", "billing"), ["labels", "2"]),
    "twin labels": (_write("t.csv", "id,text\n1,a\n"), ("--labels", "bug,Bug"), ["bug", "Bug"]),
    "a label given twice": (
        _write("t.csv", "id,text\n1,a\n"),
        ("--labels", "billing,billing"),
        ["--labels", "'billing' is given twice"],
    ),
    "no labels": (_write("t.csv", "id,text\n1,a\n"), (), ["--labels"]),
    "unknown model": (
        _write("t.csv", "id,text\n1,a\n"),
        (*CLASSIFY, "--model", "gpt-9"),
        ["gpt-9", "smollm2", "bydawn worker --model gpt-9", "if one is loading, try again", "action=ready"],
    ),
    "unsupported kind of file": (_write("t.xlsx", b"PK"), CLASSIFY, ["t.xlsx", ".csv"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_with_its_place_and_leaves_no_job(
    case: str, env: dict[str, str], store: Path, tmp_path: Path
) -> None:
    make, options, told = CASES[case]
    refused = bydawn("submit", "classify", make(tmp_path), *options, env=env)
    assert refused.returncode == 2, refused
    assert all(word in refused.stderr for word in told), refused.stderr
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not list(store.glob("jobs/*/*"))
    assert not list(store.glob("open/*"))


@pytest.mark.parametrize("case", [case for case in CASES if case != "unknown model"])
def test_a_run_that_refuses_its_input_leaves_no_folder_behind(case: str, tmp_path: Path) -> None:
    make, options, _ = CASES[case]
    out = tmp_path / "new" / "out"
    refused = bydawn("run", "classify", make(tmp_path), *options, "--out", out)
    assert refused.returncode == 2, refused
    assert not out.parent.exists()


def test_no_broker_is_told_with_its_address_and_without_its_password(store: Path, tmp_path: Path) -> None:
    tickets = _write("t.csv", "id,text\n1,a\n")(tmp_path)
    env = {"BYDAWN_STORE": str(store), "BYDAWN_BROKER_URL": "redis://:sesame@127.0.0.1:1/0"}
    refused = bydawn("submit", "classify", tickets, *CLASSIFY, env=env)
    assert refused.returncode == 2
    assert "127.0.0.1:1" in refused.stderr
    assert "sesame" not in refused.stderr + refused.stdout
    assert not list(store.glob("jobs/*"))


@pytest.mark.parametrize("uri", ["s3://no-such-bucket-here/x", "ftp://somewhere", "/proc/nowhere/store"])
def test_an_unreadable_store_is_told(uri: str, valkey_url: str, tmp_path: Path) -> None:
    tickets = _write("t.csv", "id,text\n1,a\n")(tmp_path)
    env = {
        "BYDAWN_STORE": uri,
        "BYDAWN_BROKER_URL": valkey_url,
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "hidden-secret",
    }
    refused = bydawn("submit", "classify", tickets, *CLASSIFY, env=env, timeout_s=60)
    assert refused.returncode == 2, refused
    assert "Traceback" not in refused.stderr
    assert "hidden-secret" not in refused.stderr


def test_an_unknown_job_is_told(env: dict[str, str]) -> None:
    for command in ("status", "results", "cancel"):
        refused = bydawn(command, "20260101t000000-00000000", env=env)
        assert refused.returncode == 2, command
        assert "20260101t000000-00000000" in refused.stderr


def test_the_same_idempotency_key_gives_the_same_job(env: dict[str, str], tmp_path: Path) -> None:
    tickets = _write("t.csv", "id,text\n1,a\n")(tmp_path)
    command = ("submit", "classify", tickets, *CLASSIFY, "--idempotency-key", "night-1", "--json")
    first, second = bydawn(*command, env=env), bydawn(*command, env=env)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    refused = bydawn(*command, "--limit", "1", "--priority", "urgent", env=env)
    assert refused.returncode == 2
    assert "rows all, now --limit 1; --priority standard, now urgent" in " ".join(refused.stderr.split())
