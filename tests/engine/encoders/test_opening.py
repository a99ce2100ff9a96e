"""A folder gets the engine that its config.json asks for, or is refused by name with what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import EncoderEngine, Engine, EngineConfig, ModelError, open_engine
from engine.encoders.families import FAMILIES
from tests.engine.conftest import ModelFolder
from tests.engine.encoders.conftest import Folder

KNOWN = f"the encoders that the engine runs are {', '.join(FAMILIES)}"
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def labelled(classifier: Folder, tmp_path: Path) -> Path:
    """A classifier's folder to spoil."""
    return Path(shutil.copytree(classifier("roberta"), tmp_path / "labelled"))


@pytest.fixture
def sentences(sentence_encoder: Folder, tmp_path: Path) -> Path:
    """A sentence encoder's folder to spoil."""
    return Path(shutil.copytree(sentence_encoder("bert"), tmp_path / "sentences"))


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder: Path, change: Callable[[Tensors], Any]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def opened(folder: Path, **settings: Any) -> Engine | EncoderEngine:
    engine = open_engine(EngineConfig(model=str(folder), device="cpu", **settings))
    engine.close()
    return engine


def refusal(folder: Path) -> str:
    """What is said, which always names the model."""
    with pytest.raises(ModelError) as caught:
        opened(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_a_decoder_gets_the_one_engine_and_an_encoder_the_other(
    model_folder: ModelFolder, labelled: Path, sentences: Path
) -> None:
    decoder = opened(model_folder("granite"), kv_cache_bytes=1 << 20)
    assert isinstance(decoder, Engine)
    assert decoder.abilities.generates
    for folder in (labelled, sentences):
        assert isinstance(opened(folder), EncoderEngine)


def test_weights_that_could_run_code_are_refused(labelled: Path) -> None:
    (labelled / "model.safetensors").rename(labelled / "pytorch_model.bin")
    assert "can run code" in refusal(labelled)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "longformer"}, f"is a longformer model with labels; {KNOWN}"),
        (
            {"architectures": ["RobertaForMaskedLM"]},
            "was saved as RobertaForMaskedLM; the engine runs encoders",
        ),
        ({"problem_type": "regression"}, "gives a number and no labels"),
        ({"id2label": {"0": "a", "1": "b", "2": "a"}}, "has the label 'a' twice"),
        ({"id2label": {"0": "a", "2": "b", "3": "c"}}, r"numbers its labels [0, 2, 3]"),
        ({"id2label": {"0": "a", "1": "b"}}, "by its config.json it is (2,)"),
        ({"is_decoder": True}, "is set up as a decoder"),
        ({"position_embedding_type": "relative_key"}, "has position_embedding_type='relative_key'"),
        ({"pad_token_id": None}, "has pad_token_id=None in its config.json"),
        ({"max_position_embeddings": 2}, "leaves no position for a token"),
        ({"num_hidden_layers": 0}, "has num_hidden_layers=0"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "has quantized weights"),
        ({"hidden_act": "nonsense"}, "cannot load"),
    ],
)
def test_what_the_engine_would_run_wrongly_is_refused(
    changes: dict[str, Any], reason: str, labelled: Path
) -> None:
    change_config(labelled, **changes)
    assert reason in refusal(labelled)


def test_positions_that_depend_on_the_neighbours_are_refused(classifier: Folder, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(classifier("modernbert"), tmp_path / "model"))
    rope = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    change_config(folder, rope_parameters={"full_attention": rope, "sliding_attention": rope})
    assert "uses 'dynamic' rotary embeddings" in refusal(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors: tensors.pop("classifier.out_proj.weight"), "lacks 1 of the model's weights"),
        (
            lambda tensors: tensors.update(more=torch.ones(1)),
            "holds 1 weights that the model has no place for",
        ),
        (lambda tensors: tensors["classifier.out_proj.bias"].fill_(float("nan")), "infinite or no numbers"),
        (
            lambda tensors: tensors.update({"classifier.out_proj.bias": torch.ones(3, dtype=torch.int8)}),
            "holds classifier.out_proj.bias as I8",
        ),
    ],
)
def test_weights_that_are_not_the_models_are_refused(
    change: Callable[[Tensors], Any], reason: str, labelled: Path
) -> None:
    change_weights(labelled, change)
    assert reason in refusal(labelled)


def test_a_pooler_that_vectors_need_not_and_stored_positions_may_be_there_or_not(sentences: Path) -> None:
    def change(tensors: Tensors) -> None:
        for name in [name for name in tensors if name.startswith("pooler.")]:
            del tensors[name]
        tensors["embeddings.position_ids"] = torch.arange(64)[None]

    as_saved = opened(sentences).abilities
    change_weights(sentences, change)
    assert opened(sentences).abilities == as_saved


def test_a_folder_without_a_tokenizer_is_refused(labelled: Path) -> None:
    (labelled / "tokenizer.json").unlink()
    assert "holds no tokenizer.json" in refusal(labelled)


def test_more_tokens_than_there_are_positions_are_refused(labelled: Path) -> None:
    with pytest.raises(ModelError, match="max_model_len=63: the model goes to 62 tokens at most"):
        opened(labelled, max_model_len=63)


def test_weights_stored_as_float16_stay_so_and_a_fingerprint_says_it(labelled: Path) -> None:
    before = opened(labelled).fingerprint

    def halve(tensors: Tensors) -> None:
        tensors.update({name: tensor.half() for name, tensor in tensors.items()})

    change_weights(labelled, halve)
    assert opened(labelled).fingerprint != before
