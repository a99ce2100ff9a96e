"""The plan's attention, as a function that transformers' models call in each layer."""

from typing import Any

import torch

from engine.decoder import Plan
from engine.score_rule import ScoreRule

ATTENTION_NAME = "bydawn_paged"


def planned_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    plan: Plan,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Write a layer's new KV, then attend to all of it through the block tables.

    `query` is [1, num_heads, num_tokens, head_dim], `key` and `value` [1, num_kv_heads, num_tokens,
    head_dim]; returns [1, num_tokens, num_heads, head_dim]. The signature is that of transformers'
    AttentionInterface; `plan` travels through the model's keyword arguments.
    """
    assert attention_mask is None, "masks are the plan's business"
    layer: Any = module.layer_idx
    queries, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    rule = ScoreRule(scaling, sliding_window, softcap)
    return plan.attend(layer, queries, keys, values, rule)[None], None
