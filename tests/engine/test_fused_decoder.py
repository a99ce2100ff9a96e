"""The decoder of our own computes what transformers computes from the same config.json, or leaves it to them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
@pytest.mark.parametrize("hidden_act", ["gelu_pytorch_tanh", "relu", "swish"])
def test_an_mlp_bends_by_the_function_that_config_json_names(
    family: str, hidden_act: str, changed: Changed
) -> None:
    folder = changed(family, hidden_act=hidden_act)
    assert greedy(folder) == Reference(folder).greedy(PROMPT, MAX_TOKENS, eos=False)
