"""The models: real shapes with random weights, for speed does not ask what they say. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder of the Llama family; `options` are the other fields of its config.json.

    Counts are numbers, not bytes; norms, which are 1 in 10,000 of them, are left out.
    """

    name: str
    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    options: Mapping[str, Any]

    @property
    def layer_weights(self) -> int:
        """Of all layers' linear maps: queries and output, keys and values, the MLP's three."""
        attention = 2 * (self.num_heads + self.num_kv_heads) * self.head_dim
        return self.num_layers * self.hidden_size * (attention + 3 * self.intermediate_size)

    @property
    def head_weights(self) -> int:
        """Of the map from hidden states to logits."""
        return self.hidden_size * self.vocab_size

    @property
    def kv_numbers(self) -> int:
        """Keys and values that the layers keep of a token."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim

    def config(self) -> dict[str, Any]:
        """The fields of its config.json that are not the family's defaults."""
        return {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_kv_heads,
            "head_dim": self.head_dim,
            "initializer_range": 0.02,
            **self.options,
        }


QWEN, LLAMA = "qwen3-0.6b", "llama-3.1-8b"

_QWEN_OPTIONS = {
    "tie_word_embeddings": True,
    "max_position_embeddings": 40_960,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
}
_LLAMA_OPTIONS = {
    "tie_word_embeddings": False,
    "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 5e5,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}

# The config.json of Qwen/Qwen3-0.6B and meta-llama/Llama-3.1-8B.
REAL = {
    QWEN: Shape(
        QWEN,
        "qwen3",
        vocab_size=151_936,
        hidden_size=1024,
        intermediate_size=3072,
        num_layers=28,
        num_heads=16,
        num_kv_heads=8,
        head_dim=128,
        options=_QWEN_OPTIONS | {"bos_token_id": 151_643, "eos_token_id": 151_645},
    ),
    LLAMA: Shape(
        LLAMA,
        "llama",
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_layers=32,
        num_heads=32,
        num_kv_heads=8,
        head_dim=128,
        options=_LLAMA_OPTIONS | {"bos_token_id": 128_000, "eos_token_id": 128_001},
    ),
}
_TINY = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_layers": 2,
    "num_heads": 4,
    "num_kv_heads": 2,
    "head_dim": 32,
}
_TINY_ENDS = {"bos_token_id": 0, "eos_token_id": 1}
TINY = {
    QWEN: Shape("tiny-qwen3", "qwen3", **_TINY, options=_QWEN_OPTIONS | _TINY_ENDS),
    LLAMA: Shape("tiny-llama", "llama", **_TINY, options=_LLAMA_OPTIONS | _TINY_ENDS),
}


def shapes(tiny: bool) -> dict[str, Shape]:
    """By the names that `--model` knows."""
    return TINY if tiny else REAL
