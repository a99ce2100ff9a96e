"""Rotary positions (https://arxiv.org/abs/2104.09864) of queries and keys, after Qwen3's norms of heads."""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from engine.fused_families import HeadLayout
from engine.gpu.rounding import rounded
from engine.gpu.tile_sizes import copy_warps, heads_a_tile, next_power_of_two


@dataclass(frozen=True, slots=True)
class HeadNorms:
    """Root mean square norms of each query and of each key head."""

    weights: torch.Tensor  # [2, head_dim]: the queries', the keys'
    epsilon: float


def turn_heads(
    qkv: torch.Tensor, layout: HeadLayout, cos: torch.Tensor, sin: torch.Tensor, norms: HeadNorms | None
) -> None:
    """Norm, where there are `norms`, and then turn the queries and keys of each token, in place.

    `qkv` is [num_tokens, (num_heads + 2 * num_kv_heads) * head_dim], queries, keys and values side by side;
    `cos` and `sin` are [num_tokens, head_dim], of which the second half repeats the first. All contiguous, of
    one dtype. Rounds where transformers' modules do.
    """
    num_tokens, head_dim = cos.shape
    assert head_dim == layout.head_dim
    assert head_dim % 2 == 0
    assert qkv.shape == (num_tokens, layout.qkv_size)
    assert sin.shape == cos.shape
    for tensor in (qkv, cos, sin):
        assert tensor.is_contiguous()
        assert tensor.dtype == qkv.dtype
    num_turned, tile_heads = layout.num_heads + layout.num_kv_heads, heads_a_tile(head_dim)
    padded_half = next_power_of_two(head_dim // 2)
    _turn_tile[(num_tokens, triton.cdiv(num_turned, tile_heads))](
        qkv,
        cos,
        sin,
        None if norms is None else norms.weights,
        0.0 if norms is None else norms.epsilon,
        row_size=layout.qkv_size,
        num_queries=layout.num_heads,
        num_turned=num_turned,
        half=head_dim // 2,
        padded_half=padded_half,
        tile_heads=tile_heads,
        has_norms=norms is not None,
        num_warps=copy_warps(2 * padded_half * tile_heads),
        enable_fp_fusion=False,  # a product and a sum as one instruction would round once
    )


@triton.jit
def _turn_tile(
    qkv: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    weights: tl.tensor,
    epsilon: float,
    row_size: tl.constexpr,
    num_queries: tl.constexpr,
    num_turned: tl.constexpr,
    half: tl.constexpr,
    padded_half: tl.constexpr,
    tile_heads: tl.constexpr,
    has_norms: tl.constexpr,
) -> None:
    """Some heads of one token."""
    token = tl.program_id(0).to(tl.int64)
    heads = (tl.program_id(1) * tile_heads + tl.arange(0, tile_heads))[:, None]
    dims = tl.arange(0, padded_half)[None, :]
    is_dim = dims < half
    mask = (heads < num_turned) & is_dim
    firsts = qkv + token * row_size + heads * (2 * half) + dims
    first = tl.load(firsts, mask=mask, other=0.0).to(tl.float32)
    second = tl.load(firsts + half, mask=mask, other=0.0).to(tl.float32)
    if has_norms:
        squares = tl.sum(first * first + second * second, 1)
        scale = tl.rsqrt(squares / (2 * half) + epsilon)[:, None]
        factors = weights + (heads >= num_queries).to(tl.int32) * (2 * half) + dims
        first = _weighted(first * scale, factors, mask, qkv)
        second = _weighted(second * scale, factors + half, mask, qkv)
    angles = token * (2 * half) + dims
    c = tl.load(cos + angles, mask=is_dim, other=0.0).to(tl.float32)
    s = tl.load(sin + angles, mask=is_dim, other=0.0).to(tl.float32)
    turned_first = rounded(first * c, qkv) - rounded(second * s, qkv)
    turned_second = rounded(second * c, qkv) + rounded(first * s, qkv)
    tl.store(firsts, turned_first.to(qkv.dtype.element_ty), mask=mask)
    tl.store(firsts + half, turned_second.to(qkv.dtype.element_ty), mask=mask)


@triton.jit
def _weighted(normed: tl.tensor, factors: tl.tensor, mask: tl.tensor, memory: tl.tensor) -> tl.tensor:
    """What was normed times its weights, rounded as `memory` would, before and after."""
    weight = tl.load(factors, mask=mask, other=0.0).to(tl.float32)
    return rounded(weight * rounded(normed, memory), memory)
