"""The decoder of our own computes what transformers does by the same config.json, or leaves it to them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import Completion, Engine, EngineConfig, Request, Sampling
from tests.engine.conftest import ModelFolder
from tests.engine.tiny import Reference

PROMPT = list(range(5, 45))
MAX_TOKENS = 12
Changed = Callable[..., Path]


@pytest.fixture
def changed(model_folder: ModelFolder, tmp_path: Path) -> Changed:
    """Makes a copy of a family's folder with other values in its config.json."""

    def change(family: str, **changes: Any) -> Path:
        folder = Path(shutil.copytree(model_folder(family), tmp_path / family))
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return folder

    return change


def greedy(folder: Path) -> list[int]:
    with Engine(EngineConfig(model=str(folder), device="cpu", kv_cache_bytes=1 << 20)) as engine:
        sampling = Sampling(max_tokens=MAX_TOKENS, ignore_eos=True)
        completion: Completion = engine.submit(Request(prompt_token_ids=PROMPT, sampling=sampling)).result(60)
    return list(completion.token_ids)


@torch.inference_mode()
def greedy_without_cache(folder: Path) -> list[int]:
    """As transformers' layers have it: `generate` cuts its cache by a `sliding_window` that they ignore."""
    model = Reference(folder).model
    token_ids = list(PROMPT)
    for _ in range(MAX_TOKENS):
        token_ids.append(int(model(torch.tensor([token_ids]), use_cache=False).logits[0, -1].argmax()))
    return token_ids[len(PROMPT) :]


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
@pytest.mark.parametrize("hidden_act", ["gelu_pytorch_tanh", "relu", "swish"])
def test_an_mlp_bends_by_the_function_that_config_json_names(
    family: str, hidden_act: str, changed: Changed
) -> None:
    folder = changed(family, hidden_act=hidden_act)
    assert greedy(folder) == Reference(folder).greedy(PROMPT, MAX_TOKENS, eos=False)


def test_a_llama_looks_back_over_everything_whatever_window_its_config_json_has(changed: Changed) -> None:
    folder = changed("llama", sliding_window=4)
    assert greedy(folder) == greedy_without_cache(folder)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("mistral", {"sliding_window": 6}),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {"sliding_window": 6}),
        ("qwen3", {"sliding_window": 6}),
        (
            "qwen3",
            {
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
                "use_sliding_window": True,
                "sliding_window": 6,
            },
        ),
    ],
)
def test_a_family_with_windows_looks_back_as_far_as_its_layers_do(
    family: str, changes: dict[str, Any], changed: Changed
) -> None:
    folder = changed(family, **changes)
    assert greedy(folder) == greedy_without_cache(folder)
