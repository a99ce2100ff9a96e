"""The families with modules of our own, and what those read off a transformers model. Imports no torch."""

from dataclasses import dataclass
from typing import Any

# Llama and its nearest relatives. Other models run through transformers' modules.
FUSED_FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
FUSED_ACTIVATIONS = ("silu", "swish")  # two names of one function


def can_fuse(config: Any) -> bool:
    """Whether a `FusedDecoder` computes what transformers does by this config."""
    return config.model_type in FUSED_FAMILIES and config.hidden_act in FUSED_ACTIVATIONS


@dataclass(frozen=True, slots=True)
class HeadLayout:
    """Numbers of heads, and how large one is; they lie side by side, queries, then keys, then values."""

    num_heads: int
    num_kv_heads: int
    head_dim: int

    @classmethod
    def of(cls, decoder: Any) -> "HeadLayout":
        """That of a transformers model without its head."""
        config = decoder.config
        head_dim: int = decoder.layers[0].self_attn.head_dim
        return cls(config.num_attention_heads, config.num_key_value_heads, head_dim)

    @property
    def counts(self) -> list[int]:
        """Heads of queries, keys and values."""
        return [self.num_heads, self.num_kv_heads, self.num_kv_heads]

    @property
    def qkv_size(self) -> int:
        """Numbers of a token's queries, keys and values."""
        return sum(self.counts) * self.head_dim


def window_of(attention: Any) -> int | None:
    """How far a layer looks back; None for everything.

    By family, not by what the config holds: transformers' Llama ignores a `sliding_window`.
    """
    window: int | None
    match attention.config.model_type:
        case "qwen2" | "qwen3":  # each layer knows its own
            window = attention.sliding_window
        case "mistral":
            window = attention.config.sliding_window
        case _:
            window = None
    return window
