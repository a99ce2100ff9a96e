"""A model's folder: random weights in bfloat16, drawn on the device, and a tokenizer of bytes."""

import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from ops.benchmark.gpu.cache import model_folder
from ops.benchmark.gpu.shapes import Shape, shapes
from ops.benchmark.peers.protocol import Answer, Run, serve


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    """Make the folder if it is not there; in a process, for the device's memory is free after it."""
    shape = shapes(settings["tiny"])[settings["model"]]
    folder = model_folder(shape)
    if not folder.is_dir():
        save(shape, folder, settings["device"])
    return lambda _: Answer(0, []), {"transformers": transformers.__version__}


def save(shape: Shape, folder: Path, device: str) -> None:
    """Draw the weights and write them; a folder that is there is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        whole = Path(unfinished) / "model"
        save_tokenizer(shape.vocab_size, whole)
        torch.manual_seed(0)
        config = AutoConfig.for_model(shape.model_type, **shape.config())
        with torch.device(device):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.save_pretrained(whole, max_shard_size="4GB")
        whole.rename(folder)


def save_tokenizer(vocab_size: int, folder: Path) -> None:
    """A token for each byte, and as many more as the model's vocabulary has, which no text is made of."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    others = [f"word{number}" for number in range(vocab_size - len(letters))]
    fast = Tokenizer(models.BPE(vocab={text: n for n, text in enumerate([*letters, *others])}, merges=[]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=fast).save_pretrained(folder)


if __name__ == "__main__":
    serve(load)
