"""What a sentence encoder's folder says is done, or refused by name: never done otherwise in silence."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine import ModelError
from engine.encoders.sentence import SentenceSettings, sentence_settings
from engine.models import ResolvedModel, fingerprint

MODULES = ("Transformer", "Pooling", "Normalize")


def write(folder: Path, modules: tuple[str, ...] = MODULES, pooling: Any = None, **files: Any) -> Path:
    entries = [{"type": f"sentence_transformers.models.{name}"} for name in modules]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    given = {"pooling_mode_mean_tokens": True} if pooling is None else pooling
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(given))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_a_folder_that_says_nothing_means_the_mean(tmp_path: Path) -> None:
    assert sentence_settings(tmp_path) == SentenceSettings("mean", normalize=False, max_tokens=None)


@pytest.mark.parametrize(
    ("modules", "pooling", "settings"),
    [
        (MODULES, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, ("mean", True)),
        (MODULES[:2], {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, ("cls", False)),
        (MODULES, {"pooling_mode_lasttoken": True}, ("last", True)),
        (MODULES, {"pooling_mode": "cls"}, ("cls", True)),
    ],
)
def test_pooling_and_normalization_are_read(
    modules: tuple[str, ...], pooling: Any, settings: tuple[Any, bool], tmp_path: Path
) -> None:
    assert sentence_settings(write(tmp_path, modules, pooling)) == SentenceSettings(*settings)


def test_the_tokens_that_it_was_tuned_for_are_read(tmp_path: Path) -> None:
    given = write(tmp_path, sentence_bert_config={"max_seq_length": 256, "do_lower_case": False})
    assert sentence_settings(given).max_tokens == 256


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"modules": (*MODULES, "Dense")}, "Transformer, Pooling, Normalize, Dense: the engine computes"),
        ({"modules": ("Transformer", "Normalize", "Pooling")}, "in this order"),
        ({"pooling": {"pooling_mode_max_tokens": True}}, "the pooling 'max': the engine has mean, cls, last"),
        (
            {"pooling": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}},
            r"the pooling \['mean', 'cls'\]: .*one at a time",
        ),
        ({"pooling": {}}, r"the pooling \[\]"),
        ({"pooling": [1]}, "not a JSON object"),
        ({"sentence_bert_config": {"do_lower_case": True}}, "has do_lower_case: let the tokenizer do it"),
        ({"sentence_bert_config": {"max_seq_length": "long"}}, "has max_seq_length='long': use a whole"),
        (
            {"config_sentence_transformers": {"default_prompt_name": "query"}},
            "has default_prompt_name='query': write the prompt before your texts",
        ),
    ],
)
def test_what_would_be_done_otherwise_is_refused(files: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=reason):
        sentence_settings(write(tmp_path, **files))


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"path": ""}]'])
def test_modules_of_another_shape_are_refused_by_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(content)
    with pytest.raises(ModelError, match=r"modules\.json"):
        sentence_settings(tmp_path)


def test_a_fingerprint_changes_with_what_is_said_of_vectors(tmp_path: Path) -> None:
    resolved = ResolvedModel("m", write(tmp_path, sentence_bert_config={"max_seq_length": 256}))
    known = {fingerprint(resolved, "float32")}
    write(tmp_path, MODULES[:2])
    known.add(fingerprint(resolved, "float32"))
    write(tmp_path, MODULES[:2], {"pooling_mode": "cls"})
    known.add(fingerprint(resolved, "float32"))
    write(tmp_path, MODULES[:2], {"pooling_mode": "cls"}, sentence_bert_config={"max_seq_length": 128})
    known.add(fingerprint(resolved, "float32"))
    assert len(known) == 4
