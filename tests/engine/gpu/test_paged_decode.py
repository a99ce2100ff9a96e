"""One new token a sequence attends as float64 says, however its blocks lie and whatever lies beside them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.gpu.paged_decode import paged_decode
from engine.gpu.paged_kv import FP8
from engine.gpu.splits import workspace_floats
from engine.gpu.tile_sizes import FEWEST_ROWS, TileSize, decode_tile
from engine.score_rule import ScoreRule
from tests.engine.gpu.reference import Texts, assert_close, heads_apart, ints, queries, randn, unwritten

RULE = ScoreRule(scaling=0.25)
SMALL_TILE = TileSize(rows=FEWEST_ROWS, keys=16, num_warps=4, num_stages=2)


def decode(
    texts: Texts,
    query: torch.Tensor,
    rule: ScoreRule = RULE,
    tile: TileSize = SMALL_TILE,
    num_splits: int = 1,
) -> torch.Tensor:
    """By the kernel, whose output and workspace held NaN before."""
    out = unwritten(query)
    batch, num_heads, head_dim = query.shape
    workspace = unwritten(torch.empty(workspace_floats(batch, num_heads, head_dim, num_splits)))
    paged_decode(
        query,
        texts.cache,
        texts.block_tables,
        ints(texts.lengths),
        rule,
        out,
        tile=tile,
        num_splits=num_splits,
        workspace=workspace,
    )
    return out


def assert_as_defined(
    texts: Texts, query: torch.Tensor, actual: torch.Tensor, rule: ScoreRule = RULE
) -> None:
    """Each row that has tokens attends to them, and padding is zeros."""
    for row, length in enumerate(texts.lengths):
        if length:
            assert_close(actual[row], texts.attend(row, query[row : row + 1], rule)[0])
        else:
            assert not actual[row].any()


@pytest.mark.parametrize(
    ("dtype", "block_tokens", "num_heads", "num_kv_heads", "head_dim"),
    [
        (torch.float32, 8, 2, 2, 64),
        (torch.float16, 16, 6, 2, 80),
        (torch.bfloat16, 8, 16, 2, 128),
        (torch.float32, 5, 9, 3, 96),
    ],
)
def test_odd_lengths_and_groups_over_blocks_out_of_order(
    dtype: torch.dtype, block_tokens: int, num_heads: int, num_kv_heads: int, head_dim: int
) -> None:
    texts = Texts.of(
        [1, block_tokens, 0, 37],
        block_tokens=block_tokens,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        dtype=dtype,
    )
    query = queries(4, num_heads, head_dim, dtype)
    assert_as_defined(texts, query, decode(texts, query))


def test_queries_may_lie_head_after_head() -> None:
    texts, query = Texts.of([3, 20]), heads_apart(queries(2, 4, 16))
    assert_as_defined(texts, query, decode(texts, query))


@pytest.mark.parametrize("num_splits", [1, 3])
@pytest.mark.parametrize("window", [1, 5, 16, 100])
def test_a_window_reaches_back_over_so_many_tokens_the_own_one_included(window: int, num_splits: int) -> None:
    texts = Texts.of([3, 16, 41])
    query, rule = queries(3, 2, 16), ScoreRule(0.25, window=window)
    assert_as_defined(texts, query, decode(texts, query, rule, num_splits=num_splits), rule)


@pytest.mark.parametrize("softcap", [0.5, 30.0])
def test_scores_are_bent_below_the_cap(softcap: float) -> None:
    texts = Texts.of([3, 41])
    query, rule = 20 * queries(2, 4, 16), ScoreRule(1.0, softcap=softcap)
    assert_as_defined(texts, query, decode(texts, query, rule), rule)


def test_scores_far_beyond_the_cap_or_far_apart_are_numbers_still() -> None:
    texts = Texts.of([41])
    query = 1e4 * queries(1, 2, 16)
    for rule in (ScoreRule(1.0, softcap=5.0), ScoreRule(1.0)):
        assert_as_defined(texts, query, decode(texts, query, rule), rule)


@pytest.mark.parametrize("num_splits", [1, 2, 3, 4, 5, 8])
def test_splits_change_nothing_whether_or_not_there_is_something_for_each(num_splits: int) -> None:
    texts = Texts.of([1, 0, 16, 17, 70], num_kv_heads=1)
    query = queries(5, 3, 16)
    assert_as_defined(texts, query, decode(texts, query, num_splits=num_splits))


def test_a_workspace_of_a_larger_launch_serves_a_smaller_one() -> None:
    large, small = Texts.of([70, 70, 70]), Texts.of([33])
    workspace = torch.empty(workspace_floats(3, 2, 16, 4)).to(large.cache.keys)
    for texts in (large, small):
        query = queries(len(texts.lengths), 2, 16)
        out = unwritten(query)
        places = (texts.cache, texts.block_tables, ints(texts.lengths))
        paged_decode(query, *places, RULE, out, tile=SMALL_TILE, num_splits=4, workspace=workspace)
        assert_as_defined(texts, query, out)


@pytest.mark.parametrize(("dtype", "num_splits"), [(torch.float16, 1), (torch.float32, 2)])
def test_keys_and_values_in_fp8_count_times_their_scales(dtype: torch.dtype, num_splits: int) -> None:
    texts = Texts.of([1, 37, 0], dtype=FP8, head_dim=64, scales=(0.5, 3.0))
    query = queries(3, 4, 64, dtype)
    assert_as_defined(texts, query, decode(texts, query, num_splits=num_splits))


@pytest.mark.parametrize(("dtype", "head_dim"), [(torch.float16, 64), (torch.float32, 128)])
def test_the_tiles_of_the_table(dtype: torch.dtype, head_dim: int) -> None:
    texts = Texts.of([300, 129], block_tokens=16, num_kv_heads=1, head_dim=head_dim, dtype=dtype)
    query = queries(2, 3, head_dim, dtype)
    tile = decode_tile(head_dim, dtype.itemsize, group=3)
    assert_as_defined(texts, query, decode(texts, query, tile=tile, num_splits=2))


@settings(max_examples=12, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    block_tokens=st.sampled_from([1, 4, 8, 16, 32]),
    num_kv_heads=st.integers(1, 2),
    group=st.sampled_from([1, 2, 5, 17]),
    head_dim=st.sampled_from([16, 24]),
    window=st.none() | st.integers(1, 70),
    softcap=st.none() | st.just(1.0),
    num_splits=st.integers(1, 4),
)
def test_any_shape(
    lengths: list[int],
    block_tokens: int,
    num_kv_heads: int,
    group: int,
    head_dim: int,
    window: int | None,
    softcap: float | None,
    num_splits: int,
) -> None:
    texts = Texts.of(lengths, block_tokens=block_tokens, num_kv_heads=num_kv_heads, head_dim=head_dim)
    query, rule = queries(len(lengths), num_kv_heads * group, head_dim), ScoreRule(0.25, window, softcap)
    tile = TileSize(16 if group <= 16 else 32, 16, 4, 2)
    assert_as_defined(texts, query, decode(texts, query, rule, tile, num_splits), rule)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_captured_graph_follows_new_queries_lengths_and_tables() -> None:
    before, after = (
        Texts.of(lengths, num_kv_heads=2, head_dim=128, dtype=torch.bfloat16)
        for lengths in ([700, 5, 0, 0], [1, 300, 64, 0])
    )
    width = max(texts.block_tables.shape[1] for texts in (before, after))
    keys, values = (torch.zeros_like(part) for part in (before.cache.keys, before.cache.values))
    cache = type(before.cache)(keys, values)
    tables, lengths = ints([[0] * width] * 4), ints([0] * 4)
    query, out = (torch.zeros(4, 8, 128, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    workspace = randn(workspace_floats(4, 8, 128, 8))
    tile, graph = decode_tile(128, 2, 4), torch.cuda.CUDAGraph()

    def launch() -> None:
        paged_decode(query, cache, tables, lengths, RULE, out, tile=tile, num_splits=8, workspace=workspace)

    launch()  # compiles
    with torch.cuda.graph(graph):
        launch()
    for texts in (before, after):
        count = len(texts.cache.keys)
        keys[:count], values[:count] = texts.cache.keys, texts.cache.values
        tables[:, : texts.block_tables.shape[1]] = texts.block_tables
        lengths.copy_(ints(texts.lengths))
        query.copy_(queries(4, 8, 128, torch.bfloat16))
        graph.replay()
        assert_as_defined(texts, query, out)
