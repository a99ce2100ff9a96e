"""Chunks attend as float64 says, in one launch for all; choice tries as the engine's own masks say."""

from collections.abc import Sequence as Seq

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.gpu.paged_kv import FP8
from engine.gpu.paged_prefill import RaggedBatch, TreeMasks, paged_prefill
from engine.gpu.query_tiles import query_tiles
from engine.gpu.tile_sizes import FEWEST_ROWS, TileSize, prefill_tile
from engine.masks import MaskMaker
from engine.request import Sampling
from engine.score_rule import ScoreRule
from engine.sequence import Chunk, Sequence
from engine.trie import ChoiceTrie
from engine.work import Generation, Scoring
from tests.engine.gpu.reference import (
    DEVICE,
    Texts,
    assert_close,
    causal,
    heads_apart,
    ints,
    queries,
    unwritten,
)

RULE = ScoreRule(scaling=0.25)
SMALL_TILE = TileSize(rows=FEWEST_ROWS, keys=16, num_warps=4, num_stages=2)
# Tokens before the chunk, tokens in it: fresh, inside a block, single ones, none, at a block's beginning.
MIXED = [(0, 5), (13, 20), (30, 1), (0, 1), (9, 0), (16, 17)]
Chunks = Seq[tuple[int, int]]


def lengths_of(chunks: Chunks) -> list[int]:
    """Of each sequence, up to its chunk's end."""
    return [context + count for context, count in chunks]


def ragged(texts: Texts, counts: list[int], tile: TileSize, group: int, padding: int = 0) -> RaggedBatch:
    """A batch as a runner makes it, with some tiles more than it needs."""
    tokens_per_tile = tile.rows // group
    table = query_tiles(counts, texts.lengths, tokens_per_tile) + [(-1, 0)] * padding
    starts = [sum(counts[:index]) for index in range(len(counts) + 1)]
    return RaggedBatch(
        ints(starts), ints(texts.lengths), texts.block_tables, ints(table).view(-1, 2), tokens_per_tile
    )


def prefill(
    texts: Texts,
    counts: list[int],
    query: torch.Tensor,
    rule: ScoreRule = RULE,
    tile: TileSize = SMALL_TILE,
    trees: TreeMasks | None = None,
    padding: int = 0,
) -> torch.Tensor:
    """By the kernel, whose output held NaN before."""
    group = query.shape[1] // texts.cache.num_kv_heads
    out = unwritten(query)
    paged_prefill(
        query, texts.cache, ragged(texts, counts, tile, group, padding), rule, out, tile=tile, trees=trees
    )
    return out


def assert_as_defined(
    texts: Texts,
    counts: list[int],
    query: torch.Tensor,
    actual: torch.Tensor,
    rule: ScoreRule = RULE,
    visible: Seq[torch.Tensor | None] | None = None,
) -> None:
    """Each chunk's rows, one sequence after the other."""
    end = 0
    for index, count in enumerate(counts):
        rows = slice(end, end + count)
        seen = None if visible is None else visible[index]
        if count:
            assert_close(actual[rows], texts.attend(index, query[rows], rule, seen))
        end += count


@pytest.mark.parametrize(
    ("dtype", "block_tokens", "num_heads", "num_kv_heads", "head_dim"),
    [
        (torch.float32, 8, 2, 2, 64),
        (torch.float16, 16, 6, 2, 80),
        (torch.bfloat16, 8, 8, 1, 128),
        (torch.float32, 5, 3, 1, 96),
    ],
)
def test_a_mixed_batch_of_chunks(
    dtype: torch.dtype, block_tokens: int, num_heads: int, num_kv_heads: int, head_dim: int
) -> None:
    texts = Texts.of(
        lengths_of(MIXED),
        block_tokens=block_tokens,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        dtype=dtype,
    )
    counts = [count for _, count in MIXED]
    query = queries(sum(counts), num_heads, head_dim, dtype)
    assert_as_defined(texts, counts, query, prefill(texts, counts, query))


def test_queries_may_lie_head_after_head() -> None:
    texts, query = Texts.of([3, 20]), heads_apart(queries(8, 4, 16))
    assert_as_defined(texts, [3, 5], query, prefill(texts, [3, 5], query))


@pytest.mark.parametrize("window", [1, 5, 16, 100])
def test_a_window_reaches_back_over_so_many_tokens_the_own_one_included(window: int) -> None:
    texts = Texts.of(lengths_of(MIXED), num_kv_heads=1)
    counts, rule = [count for _, count in MIXED], ScoreRule(0.25, window=window)
    query = queries(sum(counts), 3, 16)
    assert_as_defined(texts, counts, query, prefill(texts, counts, query, rule), rule)


def test_a_row_may_see_nothing_of_the_first_tiles_that_its_neighbours_see() -> None:
    texts, tile = Texts.of([71], num_kv_heads=1), TileSize(rows=64, keys=16, num_warps=4, num_stages=2)
    query, rule = queries(60, 1, 16), ScoreRule(0.25, window=3)
    assert_as_defined(texts, [60], query, prefill(texts, [60], query, rule, tile), rule)


@pytest.mark.parametrize("softcap", [0.5, 30.0])
def test_scores_are_bent_below_the_cap(softcap: float) -> None:
    texts = Texts.of([3, 41], num_kv_heads=1)
    query, rule = 20 * queries(13, 2, 16), ScoreRule(1.0, softcap=softcap)
    assert_as_defined(texts, [3, 10], query, prefill(texts, [3, 10], query, rule), rule)


def test_keys_and_values_in_fp8_count_times_their_scales() -> None:
    texts = Texts.of([3, 41], dtype=FP8, head_dim=64, scales=(0.5, 3.0))
    query = queries(13, 4, 64, torch.float16)
    assert_as_defined(texts, [3, 10], query, prefill(texts, [3, 10], query))


def test_rows_of_no_chunk_stay_as_they_are() -> None:
    texts, query = Texts.of([3, 41], num_kv_heads=1), queries(16, 2, 16)
    actual = prefill(texts, [3, 10], query, padding=3)
    assert_as_defined(texts, [3, 10], query, actual)
    assert actual[13:].isnan().all()


def test_padding_tiles_do_nothing_even_where_there_is_something_before_the_first_sequence() -> None:
    texts, query, out = Texts.of([3, 41], num_kv_heads=1), queries(16, 2, 16), unwritten(queries(16, 2, 16))
    starts, lengths = ints([-3, 0, 3, 13]), ints([3, *texts.lengths])
    tables = torch.cat((texts.block_tables[:1], texts.block_tables))
    batch = RaggedBatch(starts[1:], lengths[1:], tables[1:], ints([(-1, 0), (1, 0), (0, 0), (1, 8)]), 8)
    paged_prefill(query[3:], texts.cache, batch, RULE, out[3:], tile=SMALL_TILE)
    assert_as_defined(texts, [3, 10], query[3:], out[3:])
    assert out[:3].isnan().all()


def test_a_tile_may_hold_fewer_tokens_than_its_rows_would_take() -> None:
    texts, query, out = Texts.of([23], num_kv_heads=1), queries(23, 2, 16), unwritten(queries(23, 2, 16))
    batch = ragged(texts, [23], SMALL_TILE, group=5)
    paged_prefill(query, texts.cache, batch, RULE, out, tile=SMALL_TILE)
    assert_as_defined(texts, [23], query, out)


@pytest.mark.parametrize(("dtype", "head_dim"), [(torch.float16, 64), (torch.float32, 128)])
def test_the_tiles_of_the_table(dtype: torch.dtype, head_dim: int) -> None:
    texts = Texts.of([300, 70], block_tokens=16, num_kv_heads=1, head_dim=head_dim, dtype=dtype)
    query = queries(110, 3, head_dim, dtype)
    tile = prefill_tile(head_dim, dtype.itemsize, group=3, longest_chunk=70)
    assert_as_defined(texts, [40, 70], query, prefill(texts, [40, 70], query, tile=tile))


@settings(max_examples=8, deadline=None)
@given(
    chunks=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=3),
    block_tokens=st.sampled_from([1, 4, 8, 16, 32]),
    num_kv_heads=st.integers(1, 2),
    group=st.sampled_from([1, 2, 5, 16]),
    head_dim=st.sampled_from([16, 24]),
    window=st.none() | st.integers(1, 70),
    softcap=st.none() | st.just(1.0),
)
def test_any_shape(
    chunks: list[tuple[int, int]],
    block_tokens: int,
    num_kv_heads: int,
    group: int,
    head_dim: int,
    window: int | None,
    softcap: float | None,
) -> None:
    texts = Texts.of(
        lengths_of(chunks), block_tokens=block_tokens, num_kv_heads=num_kv_heads, head_dim=head_dim
    )
    counts, rule = [count for _, count in chunks], ScoreRule(0.25, window, softcap)
    query = queries(sum(counts), num_kv_heads * group, head_dim)
    assert_as_defined(texts, counts, query, prefill(texts, counts, query, rule), rule)


# 36 nodes: more than a tile has keys, or a tile of two heads has tokens.
BUSHY = [(a, b, c, 0) for a in range(3) for b in range(3) for c in range(a + 1)]
TRIE = ChoiceTrie.of([*BUSHY, (9, 8, 7, 6, 5, 4), (9, 1, 1)])


def scored(prompt: int, start: int, end: int) -> Chunk:
    """Tokens from `start` to before `end` of a prompt and the nodes of TRIE."""
    return Chunk(Sequence([0] * prompt, Scoring(TRIE)), start, end, is_last=True)


def told(count: int) -> Chunk:
    """The last `count` of 37 tokens of plain text."""
    work = Generation(Sampling(), frozenset(), seed=0, stream=None)
    return Chunk(Sequence([0] * 37, work), 37 - count, 37, is_last=True)


def sight(chunk: Chunk, window: int | None) -> torch.Tensor:
    """What the chunk's tokens see where the engine runs on a CPU: [num_tokens, end] bool."""
    mask = MaskMaker(window, torch.float32, torch.device("cpu")).chunk(chunk)
    return causal(chunk.num_tokens, chunk.end, None) if mask is None else mask == 0


def tree_masks(chunks: list[Chunk], visible: list[torch.Tensor]) -> TreeMasks:
    """As a runner makes them."""
    parts, offsets, starts, positions, size = [], [], [], [], 0
    for chunk, seen in zip(chunks, visible, strict=True):
        prompt = chunk.sequence.num_prompt_tokens
        own_nodes = seen[max(prompt - chunk.start, 0) :, prompt:]
        has_nodes = own_nodes.numel() > 0
        offsets.append(size if has_nodes else -1)
        starts.append(prompt if has_nodes else -7)
        if has_nodes:
            parts.append(own_nodes.flatten())
            size += own_nodes.numel()
        positions += chunk.sequence.positions(chunk.start, chunk.end)
    flat = torch.cat(parts).to(DEVICE, torch.int8)
    return TreeMasks(flat, ints(offsets, torch.int64), ints(starts), ints(positions, torch.int64))


@pytest.mark.parametrize("window", [None, 1, 3, 100])
def test_branches_of_choice_tries_see_what_they_do_in_the_engine(window: int | None) -> None:
    nodes = len(TRIE.nodes)
    chunks = [
        told(9),
        scored(21, 0, 21 + nodes),  # all at once
        scored(40, 35, 40 + nodes),  # the prompt's end, and all nodes
        scored(19, 19, 19 + 4),  # the first nodes
        scored(16, 16 + 3, 16 + nodes),  # the others
        scored(30, 20, 30),  # no node yet
        told(1),
    ]
    visible = [sight(chunk, window) for chunk in chunks]
    texts = Texts.of([chunk.end for chunk in chunks], num_kv_heads=1)
    counts, rule = [chunk.num_tokens for chunk in chunks], ScoreRule(0.25, window=window)
    query = queries(sum(counts), 2, 16)
    actual = prefill(texts, counts, query, rule, trees=tree_masks(chunks, visible))
    assert_as_defined(texts, counts, query, actual, rule, visible)
