"""A step as arrays says the same as the helpers of a CPU say of its chunks."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.gpu.buckets import MOST, Buckets
from engine.gpu.head_shape import HeadShape
from engine.gpu.packing import ALIGNMENT_BYTES, offsets_of, pack
from engine.gpu.query_tiles import query_tiles
from engine.gpu.step_layout import StepLayout, lay_out, padded
from engine.gpu.tree_layout import deepest, lay_out_trees
from engine.masks import MaskMaker
from engine.partition import copied_to
from engine.request import Sampling
from engine.rows import is_decode, slots_of
from engine.sequence import Chunk, Sequence
from engine.trie import ChoiceTrie
from engine.work import Generation, Scoring

SHAPE = HeadShape(num_heads=4, num_kv_heads=2, head_dim=16, itemsize=4)
BUSHY = ChoiceTrie.of([(a, b, c, 0) for a in range(3) for b in range(2) for c in range(a + 1)] + [(9, 8, 7)])
LINE = ChoiceTrie.of([(5, 6, 7, 8)])


@dataclass(frozen=True, slots=True)
class Step:
    """Chunks, and which of their sequences' tokens are pending, in which rows."""

    chunks: list[Chunk]
    sampled_rows: dict[Sequence, int]
    block_tokens: int

    def lay_out(self) -> StepLayout:
        return lay_out(self.chunks, self.block_tokens, SHAPE, self.sampled_rows)


@st.composite
def steps(draw: st.DrawFn, only_decodes: bool = False) -> Step:
    """Chunks of texts and of tries, with pending tokens and copies, over blocks in any order."""
    block_tokens = draw(st.sampled_from([1, 4, 16]))
    kinds = ["decode", "pending"] if only_decodes else ["decode", "pending", "text", "bushy", "line"]
    given = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=6))
    blocks = list(draw(st.permutations(range(6 * 64))))
    chunks, sampled_rows = [], {}
    for row, kind in enumerate(given):
        sequence = _sequence(kind, draw(st.integers(1, 40)))
        count = len(sequence.token_ids) + (kind == "pending")
        end = count if kind in ("decode", "pending") else draw(st.integers(1, count))
        start = end - 1 if kind in ("decode", "pending") else draw(st.integers(0, end - 1))
        sequence.block_table = [blocks.pop() for _ in range(-(-count // block_tokens))]
        sequence.num_computed_tokens = start
        if start % block_tokens and draw(st.booleans()):
            sequence.copied_from = tuple(range(1000, 1000 + start % block_tokens))
        if kind == "pending":
            sampled_rows[sequence] = row
        chunks.append(Chunk(sequence, start, end, is_last=end == count))
    return Step(chunks, sampled_rows, block_tokens)


def _sequence(kind: str, num_prompt_tokens: int) -> Sequence:
    prompt = [100 + i for i in range(num_prompt_tokens)]
    match kind:
        case "bushy" | "line":
            return Sequence(prompt, Scoring(BUSHY if kind == "bushy" else LINE))
        case _:
            return Sequence(prompt, Generation(Sampling(), frozenset(), seed=0, stream=None))


@given(steps())
def test_each_chunk_has_its_rows_and_decodes_come_first(step: Step) -> None:
    layout = step.lay_out()
    assert sorted(item.index for item in layout.placed) == list(range(len(step.chunks)))
    assert all(item.chunk is step.chunks[item.index] for item in layout.placed)
    decodes = [is_decode(item.chunk) for item in layout.placed]
    assert decodes == [True] * layout.num_decodes + [False] * (len(decodes) - layout.num_decodes)
    ends = [item.rows.stop for item in layout.placed]
    assert [0, *ends[:-1]] == [item.first_row for item in layout.placed]
    assert len(layout.arrays.token_ids) == ends[-1]


@given(steps())
def test_rows_hold_tokens_positions_and_slots(step: Step) -> None:
    arrays = step.lay_out().arrays
    for item in step.lay_out().placed:
        chunk = item.chunk
        known = list(chunk.token_ids)
        assert arrays.token_ids[item.rows][: len(known)].tolist() == known
        positions = chunk.sequence.positions(chunk.start, chunk.end)
        assert arrays.positions[item.rows].tolist() == positions
        assert arrays.slots[item.rows].tolist() == slots_of([chunk], step.block_tokens)


@given(steps())
def test_a_pending_token_is_taken_from_its_sequences_row(step: Step) -> None:
    layout = step.lay_out()
    expected = np.full(len(layout.arrays.token_ids), -1)
    for item in layout.placed:
        if (row := step.sampled_rows.get(item.chunk.sequence)) is not None:
            expected[item.rows.stop - 1] = row
    assert layout.arrays.pending_rows.tolist() == expected.tolist()


@given(steps())
def test_each_chunk_has_its_length_and_its_blocks(step: Step) -> None:
    layout = step.lay_out()
    arrays = layout.arrays
    for place, item in enumerate(layout.placed):
        count = -(-item.chunk.end // step.block_tokens)
        assert arrays.lengths[place] == item.chunk.end
        assert arrays.block_tables[place, :count].tolist() == item.chunk.sequence.block_table[:count]
        assert not arrays.block_tables[place, count:].any()


@given(steps())
def test_long_chunks_have_their_rows_and_tiles(step: Step) -> None:
    layout = step.lay_out()
    long = layout.placed[layout.num_decodes :]
    ends = [*(item.first_row for item in long), len(layout.arrays.token_ids)]
    assert layout.arrays.query_starts.tolist() == ends
    if layout.tile is None:
        assert not long
        assert layout.arrays.tiles.shape == (0, 2)
        return
    per_tile = layout.tile.rows // SHAPE.group
    counts, lengths = [item.chunk.num_tokens for item in long], [item.chunk.end for item in long]
    assert [tuple(tile) for tile in layout.arrays.tiles.tolist()] == query_tiles(counts, lengths, per_tile)


@given(steps())
def test_copies_go_before_the_chunks_first_token(step: Step) -> None:
    arrays = step.lay_out().arrays
    pairs = set(zip(arrays.copied_from.tolist(), arrays.copied_to.tolist(), strict=True))
    expected = {
        pair
        for chunk in step.chunks
        if chunk.copied_from
        for pair in zip(chunk.copied_from, copied_to(chunk, step.block_tokens), strict=True)
    }
    assert pairs == expected
    assert len(arrays.copied_to) == len(pairs)


@given(steps(), st.none() | st.integers(1, 5))
def test_nodes_see_what_they_see_on_a_cpu(step: Step, window: int | None) -> None:
    long = step.lay_out().long_chunks
    trees = lay_out_trees(long, window)
    masks = MaskMaker(window, torch.float32, torch.device("cpu"))
    for chunk, offset, start in zip(long, trees.offsets.tolist(), trees.starts.tolist(), strict=True):
        assert (offset < 0) == chunk.is_causal
        if offset < 0:
            continue
        assert start == chunk.sequence.num_prompt_tokens
        mask = masks.chunk(chunk)
        assert mask is not None
        seen = (mask == 0)[max(start - chunk.start, 0) :, start:]
        table = trees.visible[offset : offset + seen.numel()].reshape(seen.shape)
        assert table.tolist() == seen.int().tolist()


@given(steps(), st.integers(0, 2))
def test_a_window_as_long_as_the_deepest_node_hides_no_node(step: Step, more: int) -> None:
    long = step.lay_out().long_chunks
    whole = lay_out_trees(long, None)
    assert np.array_equal(lay_out_trees(long, deepest(long) + more or 1).visible, whole.visible)


def test_requests_with_the_same_choices_share_a_table() -> None:
    chunks = [Chunk(sequence := _sequence("bushy", n), n, len(sequence.token_ids), True) for n in (5, 9)]
    trees = lay_out_trees(chunks, None)
    assert trees.offsets.tolist() == [0, 0]
    assert len(trees.visible) == len(BUSHY.nodes) ** 2


@given(steps(only_decodes=True), st.integers(0, 5))
def test_padding_writes_nothing_attends_to_nothing_and_changes_nothing(step: Step, missing: int) -> None:
    arrays = step.lay_out().arrays
    count = len(arrays.token_ids)
    whole = padded(arrays, count + missing)
    for name in ("token_ids", "pending_rows", "positions", "slots", "lengths", "block_tables"):
        assert np.array_equal(getattr(whole, name)[:count], getattr(arrays, name)), name
        assert getattr(whole, name).dtype == getattr(arrays, name).dtype
    assert (whole.slots[count:] == -1).all()
    assert (whole.lengths[count:] == 0).all()
    assert (whole.pending_rows[count:] == -1).all()


@given(steps(only_decodes=True), st.integers(0, 5))
def test_all_steps_of_a_bucket_lie_alike_up_to_their_tables(step: Step, missing: int) -> None:
    arrays = step.lay_out().arrays
    bucket = len(arrays.token_ids) + missing
    one = Step([step.chunks[0]], step.sampled_rows, step.block_tokens).lay_out().arrays
    if len(arrays.copied_from) or len(one.copied_from):
        return  # has no graph
    offsets = [offsets_of(padded(some, bucket).parts().values())[0] for some in (arrays, one)]
    assert offsets[0] == offsets[1]


@given(st.lists(st.integers(0, 40), max_size=8))
def test_packed_arrays_are_aligned_and_keep_apart(sizes: Seq[int]) -> None:
    dtypes = (np.int64, np.int32, np.int8)
    arrays = [np.full(size, index + 1, dtypes[index % 3]) for index, size in enumerate(sizes)]
    offsets, num_bytes = offsets_of(arrays)
    memory = np.zeros(num_bytes, np.uint8)
    pack(arrays, offsets, memory)
    assert all(offset % ALIGNMENT_BYTES == 0 for offset in offsets)
    for array, offset in zip(arrays, offsets, strict=True):
        assert np.array_equal(memory[offset : offset + array.nbytes].view(array.dtype), array)


def test_buckets_are_dense_where_a_row_costs_most() -> None:
    assert Buckets.up_to(1).sizes == (1,)
    assert Buckets.up_to(30).sizes == (1, 2, 4, 8, 16, 24, 30)
    assert Buckets.up_to(10 * MOST).sizes[-2:] == (MOST - 8, MOST)


@given(st.integers(1, 2 * MOST), st.integers(1, 2 * MOST))
def test_a_bucket_is_the_smallest_that_the_sequences_fit_in(max_sequences: int, count: int) -> None:
    buckets = Buckets.up_to(max_sequences)
    bucket = buckets.bucket_for(count)
    assert all(small < large for small, large in pairwise(buckets.sizes))
    if bucket is None:
        assert count > min(max_sequences, MOST)
    else:
        assert bucket == min(size for size in buckets.sizes if size >= count)


@pytest.mark.parametrize("window", [None, 3])
def test_a_layout_of_decodes_alone_has_no_trees(window: int | None) -> None:
    trees = lay_out_trees([], window)
    assert (len(trees.visible), len(trees.offsets), len(trees.starts)) == (0, 0, 0)
