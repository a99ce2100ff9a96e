"""What is decided before a launch: splits, tables of tiles, tile sizes, factors."""

from math import exp, log, tanh

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gpu.query_tiles import query_tiles
from engine.gpu.splits import FEWEST_KEYS, MAX_SPLITS, choose_num_splits, workspace_floats
from engine.gpu.tile_sizes import (
    copy_warps,
    decode_tile,
    heads_a_tile,
    next_power_of_two,
    prefill_tile,
    row_tile,
)
from engine.score_rule import ScoreRule

H100_MULTIPROCESSORS = 132


@pytest.mark.parametrize(
    ("batch", "num_kv_heads", "longest", "splits"),
    [
        (1, 8, 200, 1),  # too short to cut
        (1, 8, 2048, 8),  # as far as parts stay long enough
        (1, 8, 32768, 30),  # 240 of 264 programs
        (33, 8, 32768, 1),  # fills the GPU as it is
        (20, 8, 8192, 3),  # 480 programs in two rounds, not 320
        (256, 8, 32768, 1),
    ],
)
def test_splits_fill_the_gpu_and_no_more(batch: int, num_kv_heads: int, longest: int, splits: int) -> None:
    assert choose_num_splits(batch, num_kv_heads, longest, H100_MULTIPROCESSORS) == splits


def test_a_window_leaves_less_to_split() -> None:
    assert choose_num_splits(1, 8, 32768, H100_MULTIPROCESSORS, window=1024) == 4


@given(st.integers(1, 600), st.integers(1, 32), st.integers(1, 200_000), st.integers(1, 200))
def test_splits_stay_long_enough_and_few_enough(
    batch: int, num_kv_heads: int, longest: int, multiprocessors: int
) -> None:
    splits = choose_num_splits(batch, num_kv_heads, longest, multiprocessors)
    assert 1 <= splits <= MAX_SPLITS
    assert splits == 1 or longest // splits >= FEWEST_KEYS


def test_a_launch_without_splits_needs_no_workspace() -> None:
    assert workspace_floats(4, 8, 128, num_splits=1) == 0
    assert workspace_floats(4, 8, 128, num_splits=3) == 4 * 8 * 3 * 129


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6), st.integers(1, 20))
def test_tiles_cover_each_token_once_and_those_with_most_keys_come_first(
    chunks: list[tuple[int, int]], tokens_per_tile: int
) -> None:
    counts = [count for _, count in chunks]
    lengths = [context + count for context, count in chunks]
    tiles = query_tiles(counts, lengths, tokens_per_tile)
    spans = {
        (sequence, first): range(first, min(first + tokens_per_tile, counts[sequence]))
        for sequence, first in tiles
    }
    covered = sorted((sequence, token) for (sequence, _), span in spans.items() for token in span)
    assert len(spans) == len(tiles)
    assert covered == [(index, token) for index, count in enumerate(counts) for token in range(count)]
    ends = [chunks[sequence][0] + spans[sequence, first].stop for sequence, first in tiles]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize("head_dim", [64, 80, 96, 128, 256])
@pytest.mark.parametrize("itemsize", [2, 4])
def test_each_head_size_has_tiles_that_a_group_fits_in(head_dim: int, itemsize: int) -> None:
    for group in (1, 3, 8, 17, 71):
        decode, prefill = decode_tile(head_dim, itemsize, group), prefill_tile(head_dim, itemsize, group, 1)
        assert min(decode.rows, prefill.rows) >= max(group, 16)
        for size in (decode.rows, decode.keys, prefill.rows, prefill.keys):
            assert size == next_power_of_two(size)


def test_short_chunks_get_small_tiles() -> None:
    rows = [prefill_tile(128, 2, 4, longest).rows for longest in (1, 5, 9, 500)]
    assert rows == [16, 32, 64, 128]


def test_rows_of_any_width_are_copied_by_a_power_of_two_of_warps() -> None:
    assert [copy_warps(width) for width in (64, 256, 257, 768, 1024, 1536, 10_000)] == [1, 1, 2, 4, 4, 8, 8]


def test_heads_that_no_tile_is_for_are_refused() -> None:
    with pytest.raises(ValueError, match=r"heads of 512 numbers of 2 bytes: use up to 256"):
        decode_tile(512, 2, 1)


def test_factors_make_powers_of_two_of_what_is_defined_with_e() -> None:
    product, key_scale = 3.0, 0.5
    plain, capped = ScoreRule(scaling=0.25), ScoreRule(scaling=0.25, softcap=2.0)
    score = product * key_scale * 0.25
    assert 2 ** (product * plain.factor(key_scale)) == pytest.approx(exp(score))
    assert plain.cap == 0
    doubled = 2 ** (product * capped.factor(key_scale))
    assert 1 - 2 / (doubled + 1) == pytest.approx(tanh(score / 2))
    assert capped.cap * log(2) == pytest.approx(2)


@given(st.integers(1, 40_000), st.integers(1, 512))
def test_rows_and_heads_are_cut_into_tiles_of_at_most_eight_numbers_a_thread(
    width: int, head_dim: int
) -> None:
    tile, heads = row_tile(width), heads_a_tile(head_dim)
    assert tile == next_power_of_two(tile)
    assert heads == next_power_of_two(heads)
    for numbers in (tile, heads * next_power_of_two(head_dim)):
        assert numbers <= 8 * 32 * copy_warps(numbers)
