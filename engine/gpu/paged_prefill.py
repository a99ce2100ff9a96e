"""Attention of chunks of new tokens over paged KV, a ragged batch in one launch.

A tile of queries is some tokens of one chunk with all query heads of a KV head, so that each key and value is
read once for all of them (as in vLLM's unified Triton attention,
https://docs.vllm.ai/en/latest/design/attention_backends.html). Tiles of keys that all queries see come first
and need no masks: FlashAttention-2 (https://arxiv.org/abs/2307.08691).
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from engine.gpu.online_softmax import absorbed, averaged
from engine.gpu.operands import operand_type
from engine.gpu.paged_kv import PagedKV
from engine.gpu.paged_tiles import find_slots, load_heads, scores_of
from engine.gpu.tile_sizes import TileSize, next_power_of_two
from engine.score_rule import ScoreRule


@dataclass(frozen=True, slots=True)
class RaggedBatch:
    """Chunks of sequences, whose tokens lie one after the other in a step's rows.

    `tiles` is what `query_tiles` makes with `tokens_per_tile`, int32 [num_tiles, 2]; a tile of sequence -1 is
    padding. All other tensors are int32 as well and on the queries' device.
    """

    query_starts: torch.Tensor  # [num_sequences + 1], the row of each chunk's first token, and the end
    lengths: torch.Tensor  # [num_sequences], tokens up to the chunk's end, its own included
    block_tables: torch.Tensor  # [num_sequences, most blocks], rows contiguous
    tiles: torch.Tensor
    tokens_per_tile: int

    def __post_init__(self) -> None:
        ints = (self.query_starts, self.lengths, self.block_tables, self.tiles)
        assert all(tensor.dtype == torch.int32 for tensor in ints)
        assert len(self.query_starts) - 1 == len(self.lengths) == len(self.block_tables)
        assert self.block_tables.stride(1) == 1
        assert self.tiles.is_contiguous()


@dataclass(frozen=True, slots=True)
class TreeMasks:
    """Which nodes of choice tries see which, for sequences that end in nodes.

    Of a sequence with nodes from its token `starts[i]` on, `visible` has from `offsets[i]` on a row for each
    node in the chunk and a column for each node of the sequence up to the chunk's end: 1 for the node itself
    and those above it that the layer's window reaches, else 0. What is before `starts[i]` is seen as text is,
    by `positions`. A sequence of offset -1 has no nodes.
    """

    visible: torch.Tensor  # flat int8
    offsets: torch.Tensor  # [num_sequences] int64
    starts: torch.Tensor  # [num_sequences] int32
    positions: torch.Tensor  # [num_tokens] int64, each row's place in the text, as for rotary embeddings

    def __post_init__(self) -> None:
        assert self.visible.dtype == torch.int8
        assert self.starts.dtype == torch.int32
        assert self.offsets.dtype == self.positions.dtype == torch.int64


def paged_prefill(
    query: torch.Tensor,
    cache: PagedKV,
    batch: RaggedBatch,
    rule: ScoreRule,
    out: torch.Tensor,
    *,
    tile: TileSize,
    trees: TreeMasks | None = None,
) -> None:
    """Write the attention of `query`, [num_tokens, num_heads, head_dim], to `out`, contiguous, of that shape.

    A chunk's tokens see those of their sequence before them and themselves, all of which are in the cache
    already. Rows that belong to no chunk stay as they are. Takes chunks of one token too, at the cost of a
    tile each: `paged_decode` is for these.
    """
    num_heads, head_dim = query.shape[1:]
    group = num_heads // cache.num_kv_heads
    cache.check_heads(query)
    assert out.is_contiguous()
    assert out.shape == query.shape
    assert batch.tokens_per_tile * group <= tile.rows
    assert trees is None or len(trees.positions) == len(query)
    _attend_tile[(cache.num_kv_heads, len(batch.tiles))](
        query,
        cache.keys,
        cache.values,
        out,
        batch.tiles,
        batch.query_starts,
        batch.lengths,
        batch.block_tables,
        trees and trees.visible,
        trees and trees.offsets,
        trees and trees.starts,
        trees and trees.positions,
        query.stride(0),
        query.stride(1),
        batch.block_tables.stride(0),
        rule.factor(cache.key_scale),
        cache.value_scale,
        cap=rule.cap,
        window=rule.window or 0,
        has_trees=trees is not None,
        group=group,
        tokens_per_tile=batch.tokens_per_tile,
        num_kv_heads=cache.num_kv_heads,
        head_dim=head_dim,
        padded_dim=next_power_of_two(head_dim),
        block_tokens=cache.block_tokens,
        num_rows=tile.rows,
        num_keys=tile.keys,
        operands=operand_type(query.dtype),
        num_warps=tile.num_warps,
        num_stages=tile.num_stages,
    )


@triton.jit
def _places_in_text(
    own: tl.tensor,
    sequence: tl.tensor,
    length: tl.tensor,
    step_rows: tl.tensor,
    is_row: tl.tensor,
    tree_offsets: tl.tensor,
    tree_starts: tl.tensor,
    positions: tl.tensor,
    has_trees: tl.constexpr,
) -> tl.tensor:
    """Where the masks of its nodes are, if it has any, the first node, and each row's place in the text."""
    tree_offset = tl.zeros_like(sequence)
    tree_start = length
    place = own
    if has_trees:
        tree_offset = tl.load(tree_offsets + sequence)
        tree_start = tl.where(tree_offset < 0, length, tl.load(tree_starts + sequence))
        text_place = tl.load(positions + step_rows, mask=is_row, other=0).to(tl.int32)
        place = tl.where(tree_offset < 0, own, text_place)
    return tree_offset, tree_start, place


@triton.jit
def _seen_pairs(
    seen: tl.tensor,
    own: tl.tensor,
    place: tl.tensor,
    is_row: tl.tensor,
    window: tl.constexpr,
    has_trees: tl.constexpr,
    visible: tl.tensor,
    tree_offset: tl.tensor,
    tree_start: tl.tensor,
    context: tl.tensor,
    length: tl.tensor,
) -> tl.tensor:
    """Which rows see which of the tokens `seen`: [rows, tokens] bool."""
    sees = seen[None, :] <= own[:, None]
    if window > 0:
        # A node's place in the blocks is not before that in the text, so this hides no node that is visible.
        sees = sees & (seen[None, :] > place[:, None] - window)
    if has_trees:
        are_nodes = sees & is_row[:, None] & (seen >= tree_start)[None, :]
        own_nodes = own - tl.maximum(tree_start, context)
        # 32 bits do, and 64 would take the registers that the sums need.
        places = own_nodes[:, None] * (length - tree_start) + (seen - tree_start)[None, :]
        sees = sees & (tl.load(visible + tree_offset + places, mask=are_nodes, other=1) != 0)
    return sees


@triton.jit(do_not_specialize=["table_stride"])  # which changes from step to step
def _attend_tile(
    query: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    out: tl.tensor,
    tiles: tl.tensor,
    query_starts: tl.tensor,
    lengths: tl.tensor,
    block_tables: tl.tensor,
    visible: tl.tensor,
    tree_offsets: tl.tensor,
    tree_starts: tl.tensor,
    positions: tl.tensor,
    query_stride: int,
    head_stride: int,
    table_stride: int,
    factor: float,
    value_scale: float,
    cap: tl.constexpr,
    window: tl.constexpr,
    has_trees: tl.constexpr,
    group: tl.constexpr,
    tokens_per_tile: tl.constexpr,
    num_kv_heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded_dim: tl.constexpr,
    block_tokens: tl.constexpr,
    num_rows: tl.constexpr,
    num_keys: tl.constexpr,
    operands: tl.constexpr,
) -> None:
    """Some tokens of one chunk, in the query heads of one KV head."""
    # Heads vary fastest, so that over all heads the tiles with most keys start first.
    kv_head, tile = tl.program_id(0), tl.program_id(1)
    sequence = tl.load(tiles + 2 * tile).to(tl.int64)
    first_token = tl.load(tiles + 2 * tile + 1)
    if sequence < 0:
        return
    chunk_row = tl.load(query_starts + sequence)
    num_tokens = tl.load(query_starts + sequence + 1) - chunk_row
    length = tl.load(lengths + sequence)
    context = length - num_tokens
    block_table = block_tables + sequence * table_stride

    rows, dims = tl.arange(0, num_rows), tl.arange(0, padded_dim)
    tokens = first_token + rows // group
    is_row = (rows < tokens_per_tile * group) & (tokens < num_tokens)
    mask = is_row[:, None] & (dims < head_dim)[None, :]
    step_rows = (chunk_row + tokens).to(tl.int64)
    heads = kv_head * group + rows % group
    places = heads[:, None] * head_dim + dims[None, :]
    q_places = step_rows[:, None] * query_stride + heads[:, None] * head_stride + dims[None, :]
    q = tl.load(query + q_places, mask=mask, other=0.0).to(operands)

    # A token's place in the blocks, and in the text; of nodes these differ.
    own = context + tokens
    tree_offset, tree_start, place = _places_in_text(
        own, sequence, length, step_rows, is_row, tree_offsets, tree_starts, positions, has_trees
    )
    end = context + tl.minimum(first_token + tokens_per_tile, num_tokens)
    if window > 0:
        start = tl.maximum(tl.min(tl.where(is_row, place, length)) - window + 1, 0)
        masked_from = start
    else:
        start = 0
        masked_from = tl.minimum(context + first_token + 1, tree_start) // num_keys * num_keys

    top = tl.full([num_rows], float("-inf"), tl.float32)
    total = tl.zeros([num_rows], tl.float32)
    sums = tl.zeros([num_rows, padded_dim], tl.float32)
    for tile_start in range(start, masked_from, num_keys):
        seen = tile_start + tl.arange(0, num_keys)
        exists = seen < end  # all do: `masked_from` is before the end
        slots = find_slots(block_table, seen, exists, block_tokens)
        scores = scores_of(
            q, keys, slots, exists, kv_head, factor, cap, num_kv_heads, head_dim, padded_dim, operands
        )
        v = load_heads(values, slots, exists, kv_head, num_kv_heads, head_dim, padded_dim, operands)
        top, total, sums = absorbed(scores, v, top, total, sums, operands)
    for tile_start in range(masked_from, end, num_keys):
        seen = tile_start + tl.arange(0, num_keys)
        exists = seen < end
        slots = find_slots(block_table, seen, exists, block_tokens)
        scores = scores_of(
            q, keys, slots, exists, kv_head, factor, cap, num_kv_heads, head_dim, padded_dim, operands
        )
        sees = _seen_pairs(
            seen, own, place, is_row, window, has_trees, visible, tree_offset, tree_start, context, length
        )
        scores = tl.where(sees, scores, float("-inf"))
        v = load_heads(values, slots, exists, kv_head, num_kv_heads, head_dim, padded_dim, operands)
        top, total, sums = absorbed(scores, v, top, total, sums, operands)

    average = averaged(sums, total) * value_scale
    out_rows = step_rows[:, None] * (num_kv_heads * group * head_dim)
    tl.store(out + out_rows + places, average.to(out.dtype.element_ty), mask=mask)
