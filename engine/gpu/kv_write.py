"""Writing new keys and values where they belong in paged KV."""

import torch
import triton
import triton.language as tl

from engine.gpu.paged_kv import FP8, PagedKV
from engine.gpu.tile_sizes import copy_warps, next_power_of_two

FP8_MOST = tl.constexpr(448.0)  # of float8_e4m3fn, which has no infinity


def kv_write(key: torch.Tensor, value: torch.Tensor, cache: PagedKV, slots: torch.Tensor) -> None:
    """Put each token's `key` and `value`, [num_tokens, num_kv_heads, head_dim], into its slot.

    `slots` are int64 [num_tokens] (block * block_tokens + place in the block), no two alike; padding has a
    negative one and is skipped. In an fp8 cache, what is beyond its range becomes its end.
    """
    for heads in (key, value):
        assert heads.shape[1] == cache.num_kv_heads
        cache.check_heads(heads)
    assert key.shape == value.shape
    assert key.dtype == value.dtype
    assert slots.shape == key.shape[:1]
    assert slots.dtype == torch.int64
    width = cache.num_kv_heads * cache.head_dim
    _write_token[(len(slots),)](
        key,
        value,
        cache.keys,
        cache.values,
        slots,
        *key.stride()[:2],
        *value.stride()[:2],
        1 / cache.key_scale,
        1 / cache.value_scale,
        head_dim=cache.head_dim,
        width=width,
        padded_width=next_power_of_two(width),
        to_fp8=cache.keys.dtype == FP8,
        num_warps=copy_warps(width),
    )


@triton.jit
def _stored(numbers: tl.tensor, unscale: float, cache: tl.tensor, to_fp8: tl.constexpr) -> tl.tensor:
    if to_fp8:
        scaled = numbers.to(tl.float32) * unscale
        # What is no number stays none, so that the request is told of it.
        raised = tl.maximum(scaled, -FP8_MOST, propagate_nan=tl.PropagateNan.ALL)
        numbers = tl.minimum(raised, FP8_MOST, propagate_nan=tl.PropagateNan.ALL)
    return numbers.to(cache.dtype.element_ty)


@triton.jit
def _write_token(
    key: tl.tensor,
    value: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    slots: tl.tensor,
    key_stride: int,
    key_head_stride: int,
    value_stride: int,
    value_head_stride: int,
    key_unscale: float,
    value_unscale: float,
    head_dim: tl.constexpr,
    width: tl.constexpr,
    padded_width: tl.constexpr,
    to_fp8: tl.constexpr,
) -> None:
    token = tl.program_id(0).to(tl.int64)
    slot = tl.load(slots + token)
    if slot < 0:
        return
    numbers = tl.arange(0, padded_width)
    mask = numbers < width
    head, dim = numbers // head_dim, numbers % head_dim
    k = tl.load(key + token * key_stride + head * key_head_stride + dim, mask=mask)
    v = tl.load(value + token * value_stride + head * value_head_stride + dim, mask=mask)
    tl.store(keys + slot * width + numbers, _stored(k, key_unscale, keys, to_fp8), mask=mask)
    tl.store(values + slot * width + numbers, _stored(v, value_unscale, values, to_fp8), mask=mask)
