"""Attention whose scores are bent below a cap, as in Gemma 2 (https://arxiv.org/abs/2408.00118).

`scaled_dot_product_attention` has no such thing, so it is computed by hand, in float32.
"""

import torch

QUERY_ROWS = 256  # how many rows of scores exist at a time: a whole long chunk's would fill the device


def soft_capped_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    attn_mask: torch.Tensor | None,
    scale: float,
    softcap: float,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """As torch's `scaled_dot_product_attention`, with each score s taken as softcap * tanh(s / softcap).

    `query` is [batch, heads, queries, head_dim], `attn_mask` additive; returns the query's shape and dtype.
    """
    if enable_gqa:
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    mask = _causal_mask(query, key) if is_causal or attn_mask is None else attn_mask
    mask = mask.expand(*mask.shape[:-2], query.shape[-2], -1)
    keys, values = key.float().transpose(-2, -1), value.float()
    output = torch.empty_like(query)
    for start in range(0, query.shape[-2], QUERY_ROWS):
        rows = slice(start, start + QUERY_ROWS)
        scores = (query[..., rows, :].float() @ keys).mul_(scale / softcap).tanh_().mul_(softcap)
        output[..., rows, :] = (scores + mask[..., rows, :]).softmax(-1) @ values
    return output


def _causal_mask(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    size = (query.shape[-2], key.shape[-2])
    return torch.full(size, float("-inf"), device=query.device).triu_(1)
