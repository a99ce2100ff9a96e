"""Reading tiles of keys or values through a block table: parts of kernels."""

import triton
import triton.language as tl

from engine.gpu.online_softmax import bent


@triton.jit
def find_slots(
    block_table: tl.tensor, tokens: tl.tensor, wanted: tl.tensor, block_tokens: tl.constexpr
) -> tl.tensor:
    """Where `tokens` lie, as int64: a large cache has more numbers than an int32 counts."""
    blocks = tl.load(block_table + tokens // block_tokens, mask=wanted, other=0)
    return blocks.to(tl.int64) * block_tokens + tokens % block_tokens


@triton.jit
def load_heads(
    cache: tl.tensor,
    slots: tl.tensor,
    wanted: tl.tensor,
    kv_head: tl.tensor,
    num_kv_heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded_dim: tl.constexpr,
    operands: tl.constexpr,
) -> tl.tensor:
    """One head of each slot, [slots, padded_dim]; zeros for what is not wanted.

    What lies in a slot that nobody uses is never read: weight 0 times NaN would be NaN.
    """
    dims = tl.arange(0, padded_dim)
    places = (slots * num_kv_heads + kv_head) * head_dim
    mask = wanted[:, None] & (dims < head_dim)[None, :]
    return tl.load(cache + places[:, None] + dims[None, :], mask=mask, other=0.0).to(operands)


@triton.jit
def scores_of(
    query: tl.tensor,
    keys: tl.tensor,
    slots: tl.tensor,
    wanted: tl.tensor,
    kv_head: tl.tensor,
    factor: float,
    cap: tl.constexpr,
    num_kv_heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded_dim: tl.constexpr,
    operands: tl.constexpr,
) -> tl.tensor:
    """Of each row of `query` [rows, padded_dim] with the key in each slot: [rows, slots], as `bent` says."""
    k = load_heads(keys, slots, wanted, kv_head, num_kv_heads, head_dim, padded_dim, operands)
    return bent(tl.dot(query, tl.trans(k), input_precision="tf32x3"), factor, cap)
