"""How a folder says that its hidden states become a sentence's vector. Imports no torch.

The files are sentence-transformers': `modules.json` lists what follows the model (pooling, normalization),
`1_Pooling/config.json` says how it pools, `sentence_bert_config.json` how much it reads
(https://sbert.net/docs/sentence_transformer/training/model_architectures.html).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.json_files import read_json, read_json_list
from engine.request import Pool

MODULES_FILE = "modules.json"
POOLING_FILE = "1_Pooling/config.json"
READING_FILE = "sentence_bert_config.json"
_PROMPTS_FILE = "config_sentence_transformers.json"
_POOLS: dict[str, Pool] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
_OLD_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True, slots=True)
class SentenceSettings:
    """The pooling that is meant, whether it makes a unit vector, and for how many tokens it was tuned."""

    pool: Pool = "mean"
    normalize: bool = False
    max_tokens: int | None = None


NOTHING_SAID = SentenceSettings()


def sentence_settings(folder: Path) -> SentenceSettings:
    """What the folder says, or the mean of all tokens where it says nothing.

    Raises:
        ModelError: it asks for what is not done here, so that the vectors would be others than are meant.
    """
    modules = [_module(folder, entry) for entry in read_json_list(folder / MODULES_FILE)]
    if not modules:
        return NOTHING_SAID
    if modules not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelError(
            f"{folder / MODULES_FILE} has the modules {', '.join(modules)}: the engine computes "
            "Transformer, Pooling and, where it is there, Normalize, in this order; give a model of these"
        )
    _refuse_changed_text(folder)
    return SentenceSettings(_pool(folder / POOLING_FILE), "Normalize" in modules, _max_tokens(folder))


def _module(folder: Path, entry: Any) -> str:
    """The last part of its type, as in `sentence_transformers.models.Pooling`."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        raise ModelError(f"{folder / MODULES_FILE} holds {entry!r}: use objects with a type")
    return str(entry["type"].rsplit(".", 1)[-1])


def _pool(path: Path) -> Pool:
    config = read_json(path)
    modes = [mode for flag, mode in _OLD_FLAGS.items() if config.get(flag) is True]
    given = config.get("pooling_mode", modes[0] if len(modes) == 1 else modes)
    if not isinstance(given, str) or given not in _POOLS:
        raise ModelError(
            f"{path} asks for the pooling {given!r}: the engine has {', '.join(_POOLS)}, one at a time"
        )
    return _POOLS[given]


def _refuse_changed_text(folder: Path) -> None:
    """What would have to be done to every text before it is read, and would be missed in silence."""
    if read_json(path := folder / READING_FILE).get("do_lower_case"):
        raise ModelError(
            f"{path} has do_lower_case: let the tokenizer do it (lowercase in its tokenizer.json), "
            "and set it to false"
        )
    prompt = read_json(path := folder / _PROMPTS_FILE).get("default_prompt_name")
    if prompt is not None:
        raise ModelError(
            f"{path} has default_prompt_name={prompt!r}: write the prompt before your texts yourself, "
            "and set it to null"
        )


def _max_tokens(folder: Path) -> int | None:
    path = folder / READING_FILE
    given = read_json(path).get("max_seq_length")
    if given is None or (type(given) is int and given > 0):
        return given
    raise ModelError(f"{path} has max_seq_length={given!r}: use a whole number of at least 1, or none")
