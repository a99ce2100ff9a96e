"""Attention of one new token a sequence over paged KV.

All query heads of a KV head make up one tile, so that each key and value is read once. Sequences are cut into
splits, whose parts a second kernel joins: Flash-Decoding
(https://crfm.stanford.edu/2023/10/12/flashdecoding.html). CUDA graphs can capture it: the grid depends on
shapes alone, lengths are read on the device, and nothing is allocated or waited for.
"""

import torch
import triton
import triton.language as tl

from engine.gpu.online_softmax import absorbed, averaged
from engine.gpu.operands import operand_type
from engine.gpu.paged_kv import PagedKV
from engine.gpu.paged_tiles import find_slots, load_heads, scores_of
from engine.gpu.splits import workspace_floats
from engine.gpu.tile_sizes import TileSize, next_power_of_two
from engine.score_rule import ScoreRule


def paged_decode(
    query: torch.Tensor,
    cache: PagedKV,
    block_tables: torch.Tensor,
    lengths: torch.Tensor,
    rule: ScoreRule,
    out: torch.Tensor,
    *,
    tile: TileSize,
    num_splits: int = 1,
    workspace: torch.Tensor | None = None,
) -> None:
    """Write the attention of `query`, [batch, num_heads, head_dim], to `out`, contiguous, of that shape.

    Row i is the last of `lengths[i]` tokens (int32 [batch]), whose blocks begin `block_tables[i]` (int32
    [batch, most blocks], rows contiguous; what follows them is not read). Of length 0 are padding: zeros are
    written. `workspace`: float32, on the device, at least `workspace_floats(...)`; needed for more than one
    split, and free again for the next launch on the same stream.
    """
    batch, num_heads, head_dim = query.shape
    group = num_heads // cache.num_kv_heads
    cache.check_heads(query)
    _check_batch(batch, block_tables, lengths)
    assert out.is_contiguous()
    assert out.shape == query.shape
    assert group <= tile.rows
    partials, logs = _workspace_parts(workspace, batch, num_heads, head_dim, num_splits)
    padded_dim = next_power_of_two(head_dim)
    _attend_split[(cache.num_kv_heads, num_splits, batch)](
        query,
        cache.keys,
        cache.values,
        block_tables,
        lengths,
        out,
        partials,
        logs,
        query.stride(0),
        query.stride(1),
        block_tables.stride(0),
        rule.factor(cache.key_scale),
        cache.value_scale,
        cap=rule.cap,
        window=rule.window or 0,
        num_splits=num_splits,
        group=group,
        num_kv_heads=cache.num_kv_heads,
        head_dim=head_dim,
        padded_dim=padded_dim,
        block_tokens=cache.block_tokens,
        num_rows=tile.rows,
        num_keys=tile.keys,
        operands=operand_type(query.dtype),
        num_warps=tile.num_warps,
        num_stages=tile.num_stages,
    )
    if num_splits > 1:
        _join_splits[(num_heads, batch)](
            partials,
            logs,
            lengths,
            out,
            window=rule.window or 0,
            num_splits=num_splits,
            padded_splits=next_power_of_two(num_splits),
            num_heads=num_heads,
            head_dim=head_dim,
            padded_dim=padded_dim,
            num_keys=tile.keys,
            num_warps=4,
        )


def _check_batch(batch: int, block_tables: torch.Tensor, lengths: torch.Tensor) -> None:
    assert lengths.shape == (batch,)
    assert block_tables.shape[0] == batch
    assert block_tables.stride(1) == 1
    assert lengths.dtype == block_tables.dtype == torch.int32


def _workspace_parts(
    workspace: torch.Tensor | None, batch: int, num_heads: int, head_dim: int, num_splits: int
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Where each split's average and the logarithm of its weights' total go."""
    if num_splits == 1:
        return None, None
    assert workspace is not None
    assert workspace.dtype == torch.float32
    assert workspace.numel() >= workspace_floats(batch, num_heads, head_dim, num_splits)
    cut = batch * num_heads * num_splits * head_dim
    return workspace[:cut], workspace[cut:]


@triton.jit
def _first_token(length: tl.tensor, window: tl.constexpr) -> tl.tensor:
    first = tl.zeros_like(length)
    if window > 0:
        first = tl.maximum(length - window, 0)
    return first


@triton.jit
def _split_tokens(count: tl.tensor, num_splits: tl.constexpr, num_keys: tl.constexpr) -> tl.tensor:
    """How many of `count` tokens each split takes, whole tiles; the last ones may get less, or nothing."""
    return tl.maximum(tl.cdiv(count, num_splits * num_keys), 1) * num_keys


@triton.jit(do_not_specialize=["table_stride"])  # or tables of other widths would compile it anew
def _attend_split(
    query: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    block_tables: tl.tensor,
    lengths: tl.tensor,
    out: tl.tensor,
    partials: tl.tensor,
    logs: tl.tensor,
    query_stride: int,
    head_stride: int,
    table_stride: int,
    factor: float,
    value_scale: float,
    cap: tl.constexpr,
    window: tl.constexpr,
    num_splits: tl.constexpr,
    group: tl.constexpr,
    num_kv_heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded_dim: tl.constexpr,
    block_tokens: tl.constexpr,
    num_rows: tl.constexpr,
    num_keys: tl.constexpr,
    operands: tl.constexpr,
) -> None:
    """The query heads of one KV head over one split of one sequence."""
    # Heads vary fastest: programs that run at a time read neighbouring memory.
    kv_head, split, sequence = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    length = tl.load(lengths + sequence)
    start = _first_token(length, window)
    share = _split_tokens(length - start, num_splits, num_keys)
    first = start + split * share
    end = tl.minimum(first + share, length)
    if num_splits > 1 and first >= end:
        return  # `_join_splits` knows, and doesn't look
    rows, dims = tl.arange(0, num_rows), tl.arange(0, padded_dim)
    heads = kv_head * group + rows
    is_head = (rows < group)[:, None]
    mask = is_head & (dims < head_dim)[None, :]
    places = heads[:, None] * head_dim + dims[None, :]
    q_places = heads[:, None] * head_stride + dims[None, :]
    q = tl.load(query + sequence * query_stride + q_places, mask=mask, other=0.0).to(operands)
    block_table = block_tables + sequence * table_stride

    top = tl.full([num_rows], float("-inf"), tl.float32)
    total = tl.zeros([num_rows], tl.float32)
    sums = tl.zeros([num_rows, padded_dim], tl.float32)
    for tile_start in range(first, end, num_keys):
        tokens = tile_start + tl.arange(0, num_keys)
        seen = tokens < end
        slots = find_slots(block_table, tokens, seen, block_tokens)
        scores = scores_of(
            q, keys, slots, seen, kv_head, factor, cap, num_kv_heads, head_dim, padded_dim, operands
        )
        scores = tl.where(seen[None, :], scores, float("-inf"))
        v = load_heads(values, slots, seen, kv_head, num_kv_heads, head_dim, padded_dim, operands)
        top, total, sums = absorbed(scores, v, top, total, sums, operands)

    average = averaged(sums, total) * value_scale
    first_head = sequence * num_kv_heads * group
    if num_splits == 1:
        tl.store(out + first_head * head_dim + places, average.to(out.dtype.element_ty), mask=mask)
    else:
        parts = (first_head + heads) * num_splits + split
        tl.store(partials + parts[:, None] * head_dim + dims[None, :], average, mask=mask)
        tl.store(logs + parts, top + tl.log2(total), mask=rows < group)


@triton.jit
def _join_splits(
    partials: tl.tensor,
    logs: tl.tensor,
    lengths: tl.tensor,
    out: tl.tensor,
    window: tl.constexpr,
    num_splits: tl.constexpr,
    padded_splits: tl.constexpr,
    num_heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded_dim: tl.constexpr,
    num_keys: tl.constexpr,
) -> None:
    """The average of one head's parts, each by its share of the weights."""
    head, sequence = tl.program_id(0), tl.program_id(1).to(tl.int64)
    length = tl.load(lengths + sequence)
    count = length - _first_token(length, window)
    splits, dims = tl.arange(0, padded_splits), tl.arange(0, padded_dim)
    # The others have written nothing.
    used = splits < tl.cdiv(count, _split_tokens(count, num_splits, num_keys))
    row = sequence * num_heads + head
    parts = row * num_splits + splits
    exponents = tl.load(logs + parts, mask=used, other=float("-inf"))
    top = tl.max(exponents, 0)
    weights = tl.exp2(exponents - tl.where(top == float("-inf"), 0.0, top))
    total = tl.sum(weights, 0)
    mask = used[:, None] & (dims < head_dim)[None, :]
    averages = tl.load(partials + parts[:, None] * head_dim + dims[None, :], mask=mask, other=0.0)
    joined = tl.sum(averages * weights[:, None], 0) / tl.where(total == 0.0, 1.0, total)
    tl.store(out + row * head_dim + dims, joined.to(out.dtype.element_ty), mask=dims < head_dim)
