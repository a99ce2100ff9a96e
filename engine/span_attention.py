"""Attention of a step's spans over paged KV, on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from engine.score_rule import ScoreRule
from engine.soft_cap import soft_capped_attention
from engine.spans import ChunkSpan, DecodeSpan, FreshSpan, PagedSpan, Span

Attend = Callable[..., torch.Tensor]  # scaled_dot_product_attention, or one that takes the same arguments


@dataclass(frozen=True, slots=True)
class LayerKV:
    """A layer's keys and values: by slot, and gathered block by block as `KVCache.gather` has them."""

    by_slot: tuple[torch.Tensor, torch.Tensor]
    gather: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def attend_spans(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    spans: list[Span],
    kv: LayerKV,
    rule: ScoreRule,
) -> torch.Tensor:
    """Attend span by span: all [num_tokens, heads, head_dim], `key` and `value` already written.

    Returns the query's shape, contiguous.
    """
    attend, scaling = _attend_with(rule.softcap), rule.scaling
    output = torch.empty_like(query, memory_format=torch.contiguous_format)
    for span in spans:
        rows = span.rows
        match span:
            case PagedSpan():
                _attend_paged(query[rows], kv.by_slot, span, scaling, output[rows])
            case DecodeSpan(block_ids=block_ids, mask=mask, unused=unused):
                keys, values = kv.gather(block_ids)
                # What another request left there is masked, but a masked NaN is still a NaN.
                for part in (keys, values):
                    part.index_fill_(0, unused, 0)
                output[rows] = _attend_decode(query[rows], keys, values, mask, scaling, attend)
            case ChunkSpan(block_ids=block_ids, mask=mask):
                keys, values = (part[: mask.shape[-1]] for part in kv.gather(block_ids))
                output[rows] = _attend_chunk(query[rows], keys, values, mask, scaling, attend)
            case FreshSpan():
                output[rows] = _attend_chunk(query[rows], key[rows], value[rows], None, scaling, attend)
    return output


def _attend_with(softcap: float | None) -> Attend:
    if softcap is None:
        return scaled_dot_product_attention
    return partial(soft_capped_attention, softcap=softcap)


def _attend_paged(
    query: torch.Tensor,
    cache: tuple[torch.Tensor, torch.Tensor],
    span: PagedSpan,
    scaling: float,
    output: torch.Tensor,
) -> None:
    """One query a sequence, from the cache as it lies: query and output [num_rows, num_heads, head_dim]."""
    from engine.kernels import paged_attention  # needs numba

    keys, values = (part.numpy() for part in cache)
    places = span.block_tables, span.starts, span.ends, span.block_tokens
    attend = paged_attention(query.shape[-1])
    attend(query.contiguous().numpy(), keys, values, *places, np.float32(scaling), output.numpy())


def _attend_decode(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    scaling: float,
    attend: Attend,
) -> torch.Tensor:
    """One query a sequence, [batch, num_heads, head_dim], over [batch * keys, num_kv_heads, head_dim].

    The heads that share a KV head become its queries, so that KV is not repeated.
    """
    batch, num_heads, head_dim = query.shape
    k, v = (part.view(batch, -1, *part.shape[1:]).transpose(1, 2) for part in (keys, values))
    grouped = query.reshape(batch, k.shape[1], -1, head_dim)
    attended = attend(grouped, k, v, attn_mask=mask, scale=scaling)
    return attended.reshape(batch, num_heads, head_dim)


def _attend_chunk(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float,
    attend: Attend,
) -> torch.Tensor:
    """One sequence: all [tokens, heads, head_dim], mask [queries, keys] or None for causal."""
    q, k, v = (tensor.transpose(0, 1)[None] for tensor in (query, key, value))
    attended = attend(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=q.shape[1] != k.shape[1]
    )
    return attended[0].transpose(0, 1)
