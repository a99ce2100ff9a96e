"""A model that would not load, or would run as another one, is refused by name with what to do."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import Engine, EngineConfig, ModelError, Request, Sampling, assembly
from engine.families import FAMILIES
from engine.models import resolve
from tests.engine import tiny
from tests.engine.conftest import ModelFolder

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(model_folder: ModelFolder, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))


def served(folder: Path) -> int:
    """The number of tokens that the model answers with, of three."""
    with Engine(EngineConfig(model=str(folder), device="cpu", kv_cache_bytes=1 << 20)) as engine:
        request = Request(prompt_token_ids=[5, 6, 7], sampling=Sampling(max_tokens=3, ignore_eos=True))
        return len(engine.submit(request).result(60).token_ids)


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder: Path, change: Callable[[Tensors], Any]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def refusal(folder: Path) -> str:
    """What is said, which always names the model."""
    with pytest.raises(ModelError) as caught:
        served(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_what_needs_a_gpu_is_refused_without_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"kv_dtype='fp8': only a GPU's kernels .* use 'auto'"):
        Engine(EngineConfig(model=str(folder), device="cpu", kv_dtype="fp8"))
    monkeypatch.setattr(assembly, "find_spec", lambda name: None)
    a_gpu: Any = object()
    with pytest.raises(ModelError, match="need the package triton: install it"):
        assembly.assemble(EngineConfig(model=str(folder), device="cpu"), resolve(str(folder)), a_gpu)


def test_every_family_that_is_let_in_is_compared_with_transformers() -> None:
    assert set(FAMILIES) == set(tiny.FAMILIES)


@pytest.mark.parametrize(
    ("model_type", "reason"),
    [
        ("gpt_oss", "is a gpt_oss model; the engine runs the decoder-only families gemma2, "),
        ("bert", "is a bert model; "),
        ("t5", "is a t5 model, an encoder with a decoder; "),
        ("gemma3", "is a gemma3 model for more than text (vision_config in its config.json); "),
        ("qwen2_audio", "is a qwen2_audio model for more than text (audio_config in its config.json); "),
    ],
)
def test_a_strange_family_is_refused_with_those_that_are_not(
    folder: Path, model_type: str, reason: str
) -> None:
    change_config(folder, model_type=model_type)
    said = refusal(folder)
    assert reason in said
    assert said.endswith("qwen3_moe, smollm3, text alone")


LONG_ROPE = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 6, "long_factor": [2.0] * 6}
TWO_ROPES = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    "full_attention": {"rope_type": "dynamic", "rope_theta": 1e6, "factor": 2.0},
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "give unquantized or GGUF ones"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "uses 'dynamic' rotary embeddings"),
        ({"model_type": "phi3", "rope_parameters": LONG_ROPE}, "uses 'longrope' rotary embeddings"),
        ({"model_type": "gemma3_text", "rope_parameters": TWO_ROPES}, "uses 'dynamic' rotary embeddings"),
        (
            {"model_type": "gemma3_text", "rope_parameters": None, "use_bidirectional_attention": True},
            "give a causal model",
        ),
        ({"is_causal": False}, "give a causal model"),
        ({"model_type": "qwen2", "layer_types": ["chunked_attention"] * 3}, "runs full_attention and slid"),
        ({"num_hidden_layers": 0}, "has num_hidden_layers=0 in its config.json: use a whole number of at l"),
        ({"max_position_embeddings": 0}, "has max_position_embeddings=0 in its config.json: use a whole num"),
        ({"max_position_embeddings": -5}, "has max_position_embeddings=-5 in its config.json: use a whole n"),
    ],
)
def test_what_the_engine_would_run_wrongly_is_refused(
    folder: Path, changes: dict[str, Any], reason: str
) -> None:
    change_config(folder, **changes)
    assert reason in refusal(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "nonsense"},
        {"hidden_size": "large"},
        {"num_attention_heads": 0},
        {"hidden_act": "nonsense"},
        {"rope_parameters": {"rope_type": "nonsense", "rope_theta": 1e4}},
        {"model_type": "qwen2", "layer_types": ["nonsense"] * 3},
    ],
)
def test_a_config_that_makes_no_model_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    change_config(folder, **changes)
    assert "give a folder as save_pretrained writes it" in refusal(folder)


@pytest.mark.parametrize("content", [b"{nope", b"[1, 2]", b"3", b"", b"\xff\xfe\x00"])
@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer_config.json"])
def test_a_json_file_that_holds_no_object_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert refusal(folder)


def test_a_config_that_says_nothing_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    assert refusal(folder)


@pytest.mark.parametrize("name", ["generation_config.json", "tokenizer_config.json"])
def test_other_settings_may_say_nothing(folder: Path, name: str) -> None:
    (folder / name).write_text("{}")
    assert served(folder) == 3


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-100], lambda _: b"", lambda _: b"nonsense" * 100])
def test_a_weights_file_that_is_not_whole_is_refused(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(spoil(weights.read_bytes()))
    assert "all its files whole" in refusal(folder)


def test_a_part_of_the_weights_that_is_not_there_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors; give" in refusal(folder)


def test_missing_weights_are_refused_and_not_made_up(folder: Path) -> None:
    change_weights(folder, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    assert "lacks 1 of the model's weights, first model.layers.1.mlp.up_proj.weight" in refusal(folder)


def test_an_expert_that_is_not_there_is_refused(model_folder: ModelFolder, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder("qwen3_moe"), tmp_path / "model"))
    change_weights(folder, lambda tensors: tensors.pop("model.layers.0.mlp.experts.3.down_proj.weight"))
    assert re.search(r"experts.down_proj as \(3, 48, 32\), .* it is \(4, 48, 32\)", refusal(folder))


def test_weights_of_other_shapes_than_the_configs_are_refused(folder: Path) -> None:
    change_config(folder, intermediate_size=128)
    said = refusal(folder)
    assert "layers.0.mlp.down_proj.weight as (48, 64), and by its config.json it is (48, 128): use" in said


def test_weights_that_the_config_has_no_place_for_are_refused(folder: Path) -> None:
    change_config(folder, num_hidden_layers=2)
    assert "holds 9 weights that the model has no place for, first model.layers.2." in refusal(folder)


def test_weights_that_are_computed_today_are_let_pass(folder: Path) -> None:
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    change_weights(folder, lambda tensors: tensors.update({name: torch.ones(6)}))
    assert served(folder) == 3


def test_a_head_saved_beside_the_embeddings_that_it_is_tied_to_is_let_pass(folder: Path) -> None:
    change_config(folder, tie_word_embeddings=True)
    change_weights(folder, lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}))
    assert served(folder) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_no_finite_number_is_refused_by_name(folder: Path, value: float) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    change_weights(folder, lambda tensors: tensors[name][3, 7:8].fill_(value))
    assert f"holds values in {name} that are infinite or no numbers (as torch.float32)" in refusal(folder)


def test_large_weights_whose_sum_overflows_are_let_pass(folder: Path) -> None:
    change_weights(folder, lambda tensors: tensors["lm_head.weight"].fill_(1e36))
    assert served(folder) == 3


@pytest.mark.parametrize(
    ("dtype", "stored"), [(torch.int8, "I8"), (torch.bool, "BOOL"), (torch.int64, "I64")]
)
def test_weights_that_are_stored_as_no_real_numbers_are_refused_by_name(
    folder: Path, dtype: torch.dtype, stored: str
) -> None:
    name = "model.norm.weight"
    change_weights(folder, lambda tensors: tensors.update({name: tensors[name].to(dtype)}))
    assert f"holds {name} as {stored}: use weights in F64, F32, F16, BF16, not quantized" in refusal(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_of_every_precision_are_let_pass(folder: Path, dtype: torch.dtype) -> None:
    change_weights(folder, lambda tensors: tensors.update({k: v.to(dtype) for k, v in tensors.items()}))
    assert served(folder) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"rms_norm_eps": float("nan")},
        {"rms_norm_eps": -1e9},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 0.0}},
    ],
)
def test_a_config_by_which_a_token_comes_to_no_number_is_refused(
    folder: Path, changes: dict[str, Any]
) -> None:
    change_config(folder, **changes)
    assert "computes infinite values or no numbers of a token; use the config.json" in refusal(folder)


@pytest.mark.parametrize("content", [b"junk", b""])
def test_a_file_of_weights_that_cannot_be_read_is_refused_by_name_even_if_the_model_has_no_use_for_it(
    folder: Path, content: bytes
) -> None:
    (folder / "zz.safetensors").write_bytes(content)
    assert f"cannot read {folder / 'zz.safetensors'}: " in refusal(folder)


@pytest.mark.parametrize("given", [1.0, True, "</s>", {"a": 1}, [[1]], ["a"], -1, [999]])
@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_end_tokens_that_the_tokenizer_does_not_have_are_refused(
    folder: Path, file: str, given: object
) -> None:
    (folder / "generation_config.json").write_text("{}")
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": given}))
    assert re.search(
        re.escape(f"eos_token_id={given!r} in its ") + ".*use whole numbers of 0 to", refusal(folder)
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"eos_token": ["</s>"]}, "has eos_token=['</s>']: use a text"),
        ({"eos_token": 5}, "has eos_token=5: use a text"),
        ({"bos_token": {"content": 5}}, "has bos_token={'content': 5}: use a text"),
        ({"chat_template": 5}, "has a chat_template that is a int: use a text, or a list"),
        ({"chat_template": ["a"]}, "has a chat_template that is a list: use a text, or a list"),
        ({"chat_template": [{"name": "default", "template": 5}]}, "has a chat_template that is a int: "),
    ],
)
def test_tokenizer_settings_of_other_types_are_refused(
    folder: Path, given: dict[str, Any], reason: str
) -> None:
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(given))
    assert f"tokenizer_config.json {reason}" in refusal(folder)


def test_chat_templates_none_of_which_is_the_default_are_none(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text('{"chat_template": [{"x": 1}]}')
    assert served(folder) == 3


def test_a_chat_template_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe")
    assert "chat_template.jinja cannot be read as UTF-8" in refusal(folder)
