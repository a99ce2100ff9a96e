"""Tiny models with random weights, one per family, and transformers' own answers to compare with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

WINDOW = 24  # tokens that the sliding layers look back
MAX_LEN = 384
FAMILIES = ("llama", "qwen2", "qwen3", "mistral")
CORPUS = ("the quick brown fox jumps over the lazy dog", "a ticket about billing, a bug in the account page")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<{{ message.role }}>{{ message.content }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def save_tokenizer(folder: Path) -> None:
    """A byte-level BPE tokenizer of a few hundred tokens that writes <s> before a text."""
    fast = FastTokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    fast.train_from_iterator(CORPUS, trainer)
    fast.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=fast, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)


def _config(family: str, vocab_size: int) -> Any:
    common = {
        "vocab_size": vocab_size,
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": MAX_LEN,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "initializer_range": 0.3,
        "tie_word_embeddings": False,
    }
    sliding = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}
    match family:
        case "llama":
            return LlamaConfig(**common)
        case "mistral":
            return MistralConfig(**common, sliding_window=WINDOW)
        case "qwen2":  # its first layer sees everything, the others a window
            return Qwen2Config(**common, **sliding)
        case "qwen3":
            return Qwen3Config(**common, head_dim=16)
    raise AssertionError(family)


def kv_bytes_per_token(family: str) -> int:
    """Keys and values of all layers in float32."""
    config = _config(family, vocab_size=320)
    return int(config.num_hidden_layers * 2 * config.num_key_value_heads * _head_dim(config) * 4)


def _head_dim(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def save_model(family: str, folder: Path, seed: int = 0) -> Path:
    """A whole model folder."""
    save_tokenizer(folder)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(_config(family, vocab_size=320))
    model.save_pretrained(folder)
    return folder


class Reference:
    """A model as transformers runs it, one text at a time, no cache."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def greedy(self, token_ids: Sequence[int], max_tokens: int, eos: bool = True) -> list[int]:
        """What `generate` appends."""
        output = self.model.generate(
            torch.tensor([token_ids]),
            attention_mask=torch.ones(1, len(token_ids), dtype=torch.int64),
            max_new_tokens=max_tokens,
            do_sample=False,
            eos_token_id=None if not eos else self.model.generation_config.eos_token_id,
        )
        return list(output[0, len(token_ids) :].tolist())

    @torch.inference_mode()
    def logprob(self, token_ids: Sequence[int], continuation: Sequence[int]) -> float:
        """The sum of the log-probabilities of the continuation's tokens."""
        logits = self.model(torch.tensor([[*token_ids, *continuation]])).logits[0].float().log_softmax(-1)
        rows = range(len(token_ids) - 1, len(token_ids) + len(continuation) - 1)
        return float(sum(logits[row, token_id] for row, token_id in zip(rows, continuation, strict=True)))

    @torch.inference_mode()
    def hidden(self, token_ids: Sequence[int], layer: int) -> torch.Tensor:
        """[num_tokens, hidden_size]"""
        output = self.model(torch.tensor([token_ids]), output_hidden_states=True)
        hidden: torch.Tensor = output.hidden_states[layer][0]
        return hidden
