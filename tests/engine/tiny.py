"""Tiny models with random weights, one per family, and transformers' own answers to compare with."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
    SmolLM3Config,
)

WINDOW = 24  # tokens that the sliding layers look back
MAX_LEN = 384
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
    """What is special about a family acts: windows are shorter than prompts, caps bend, scales are not 1."""
    common: dict[str, Any] = {
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
    return CONFIGS[family](common)


def _llama(common: dict[str, Any]) -> Any:
    return LlamaConfig(**common)


def _qwen2(common: dict[str, Any]) -> Any:
    """Its first layer sees everything, the others a window."""
    return Qwen2Config(**common, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1)


def _qwen3(common: dict[str, Any]) -> Any:
    return Qwen3Config(**common, head_dim=16)


def _mistral(common: dict[str, Any]) -> Any:
    return MistralConfig(**common, sliding_window=WINDOW)


def _gemma2(common: dict[str, Any]) -> Any:
    """Local and global layers in turn, both caps well within the scores and logits.

    Untied: with random weights its large embeddings would only ever say the last token again.
    """
    return Gemma2Config(
        **common,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=WINDOW,
        attn_logit_softcapping=3.0,
        final_logit_softcapping=4.0,
    )


def _gemma3_text(common: dict[str, Any]) -> Any:
    """Local and global layers with a rope each."""
    local, whole = "sliding_attention", "full_attention"
    return Gemma3TextConfig(
        **common,
        head_dim=16,
        query_pre_attn_scalar=4,
        sliding_window=WINDOW,
        layer_types=[local, whole, local],
        final_logit_softcapping=5.0,
        rope_parameters={
            local: {"rope_type": "default", "rope_theta": 100.0},
            whole: {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
        },
    )


def _granite(common: dict[str, Any]) -> Any:
    """None of its scales is 1; tied."""
    return GraniteConfig(
        **common | {"tie_word_embeddings": True},
        embedding_multiplier=6.0,
        residual_multiplier=0.6,
        attention_multiplier=0.2,
        logits_scaling=3.0,
    )


def _mixtral(common: dict[str, Any]) -> Any:
    return MixtralConfig(**common, num_local_experts=4, num_experts_per_tok=2, sliding_window=WINDOW)


def _olmo2(common: dict[str, Any]) -> Any:
    return Olmo2Config(**common)


def _phi3(common: dict[str, Any]) -> Any:
    """Half of each head turns."""
    rope = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}
    return Phi3Config(**common, rope_parameters=rope, sliding_window=WINDOW)


def _qwen3_moe(common: dict[str, Any]) -> Any:
    """A dense layer between two of experts."""
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    return Qwen3MoeConfig(**common, **experts, head_dim=16, mlp_only_layers=[1], norm_topk_prob=True)


def _smollm3(common: dict[str, Any]) -> Any:
    """Its second layer knows no positions; tied."""
    return SmolLM3Config(**common | {"tie_word_embeddings": True}, no_rope_layers=[1, 0, 1])


CONFIGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "llama": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "mistral": _mistral,
    "gemma2": _gemma2,
    "gemma3_text": _gemma3_text,
    "granite": _granite,
    "mixtral": _mixtral,
    "olmo2": _olmo2,
    "phi3": _phi3,
    "qwen3_moe": _qwen3_moe,
    "smollm3": _smollm3,
}
FAMILIES = tuple(CONFIGS)


def kv_bytes_per_token(family: str) -> int:
    """Keys and values of all layers in float32."""
    config = _config(family, vocab_size=320)
    return int(config.num_hidden_layers * 2 * config.num_key_value_heads * _head_dim(config) * 4)


def _head_dim(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def make_model(family: str, seed: int = 0, **changes: Any) -> Any:
    """A model with random weights, by a config with these changes."""
    config = _config(family, vocab_size=320)
    for name, value in changes.items():
        setattr(config, name, value)
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config)


def save_model(family: str, folder: Path, seed: int = 0) -> Path:
    """A whole model folder."""
    save_tokenizer(folder)
    make_model(family, seed).save_pretrained(folder)
    return folder


class Reference:
    """A model as transformers runs it, one text at a time, no cache."""

    def __init__(self, folder: Path) -> None:
        # Eager, for transformers 5.17 drops Gemma 2's soft cap when it attends with torch's function.
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self._generate = cache(self._generate_now)  # several tests ask for the same, and it takes its time

    def greedy(self, token_ids: Sequence[int], max_tokens: int, eos: bool = True) -> list[int]:
        """What `generate` appends."""
        return list(self._generate(tuple(token_ids), max_tokens, eos))

    @torch.inference_mode()
    def _generate_now(self, token_ids: tuple[int, ...], max_tokens: int, eos: bool) -> list[int]:
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
