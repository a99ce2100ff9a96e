"""A step's chunks as the numbers that kernels read. Imports no torch.

Rows that bring one new token come first, for the decode kernel; then longer chunks and the nodes of choice
tries, for the prefill kernel.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, fields
from itertools import chain

import numpy as np
import numpy.typing as npt

from engine.gpu.head_shape import HeadShape
from engine.gpu.packing import AnyArray
from engine.gpu.query_tiles import query_tiles
from engine.gpu.tile_sizes import TileSize
from engine.gpu.tree_layout import TreeLayout, lay_out_trees
from engine.partition import copied_to
from engine.rows import PlacedChunk, is_decode, place
from engine.sequence import Chunk, Sequence

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class StepArrays:
    """All numbers of a step that go to the device, in this order.

    Those of a step of decodes alone take as much room in every step of as many rows, up to the tables.
    """

    token_ids: Longs  # [num_rows], any where the id is pending
    pending_rows: Longs  # [num_rows], the row of the pending id among those the step before sampled, or -1
    positions: Longs  # [num_rows], places in the text
    slots: Longs  # [num_rows], where their KV goes; -1 for padding
    lengths: Ints  # [num_chunks], tokens up to each chunk's end; 0 for padding
    query_starts: Ints  # [num_long_chunks + 1], the first row of each, and the end
    tiles: Ints  # [num_tiles, 2], of the long chunks
    copied_from: Longs  # [num_copies] slots, as the next
    copied_to: Longs
    tree_offsets: Longs  # [num_long_chunks], or none if there are no trees, as in the next two
    tree_starts: Ints
    visible: Bytes
    block_tables: Ints  # [num_chunks, most blocks], 0 behind a chunk's last block

    def parts(self) -> dict[str, AnyArray]:
        """The arrays by name, in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class StepLayout:
    """The arrays, and what the host keeps to launch kernels and to read what they made."""

    arrays: StepArrays
    placed: list[PlacedChunk]
    num_decodes: int
    tile: TileSize | None  # of the long chunks, None if there are none

    @property
    def long_chunks(self) -> list[Chunk]:
        """Those behind the decodes."""
        return [item.chunk for item in self.placed[self.num_decodes :]]


def lay_out(
    chunks: Seq[Chunk], block_tokens: int, shape: HeadShape, sampled_rows: Mapping[Sequence, int]
) -> StepLayout:
    """Lay out a step; `sampled_rows` has the row of each sequence whose token the step before sampled."""
    placed = place(chunks, _order(chunks))
    ordered = [item.chunk for item in placed]
    num_decodes = sum(map(is_decode, ordered))
    long = ordered[num_decodes:]
    tile = _tile(long, shape)
    counts = np.array([chunk.num_tokens for chunk in ordered])
    starts = np.array([chunk.start for chunk in ordered])
    firsts = np.cumsum(counts) - counts
    places = np.arange(counts.sum()) - np.repeat(firsts - starts, counts)
    tables = _block_tables(ordered, block_tokens)
    blocks = tables[np.repeat(np.arange(len(ordered)), counts), places // block_tokens]
    token_ids, pending_rows = _token_ids(placed, len(places), sampled_rows)
    trees = _trees(long)
    arrays = StepArrays(
        token_ids=token_ids,
        pending_rows=pending_rows,
        positions=_positions(placed, places),
        slots=blocks.astype(np.int64) * block_tokens + places % block_tokens,
        lengths=(starts + counts).astype(np.int32),
        query_starts=np.append(firsts[num_decodes:], len(places)).astype(np.int32),
        tiles=_tiles(long, tile, shape.group),
        copied_from=_longs(slot for chunk in ordered for slot in chunk.copied_from),
        copied_to=_longs(slot for chunk in ordered for slot in _copied_to(chunk, block_tokens)),
        tree_offsets=trees.offsets,
        tree_starts=trees.starts,
        visible=trees.visible,
        block_tables=tables,
    )
    return StepLayout(arrays, placed, num_decodes, tile)


def padding(num_rows: int, num_blocks: int) -> StepArrays:
    """A step of decodes that write no KV and attend to nothing, with tables of so many blocks."""
    return StepArrays(
        token_ids=np.zeros(num_rows, np.int64),
        pending_rows=np.full(num_rows, -1, np.int64),
        positions=np.zeros(num_rows, np.int64),
        slots=np.full(num_rows, -1, np.int64),
        lengths=np.zeros(num_rows, np.int32),
        query_starts=np.array([num_rows], np.int32),
        tiles=np.zeros((0, 2), np.int32),
        copied_from=np.zeros(0, np.int64),
        copied_to=np.zeros(0, np.int64),
        tree_offsets=np.zeros(0, np.int64),
        tree_starts=np.zeros(0, np.int32),
        visible=np.zeros(0, np.int8),
        block_tables=np.zeros((num_rows, num_blocks), np.int32),
    )


def padded(arrays: StepArrays, num_rows: int) -> StepArrays:
    """A step of decodes alone with padding behind it, up to `num_rows`."""
    whole = padding(num_rows, arrays.block_tables.shape[1])
    count = len(arrays.token_ids)
    for name in ("token_ids", "pending_rows", "positions", "slots", "lengths", "block_tables"):
        getattr(whole, name)[:count] = getattr(arrays, name)
    return whole


def _order(chunks: Seq[Chunk]) -> list[int]:
    """Decodes first, those of most tokens before others, so that the last ones to end are short."""
    return sorted(range(len(chunks)), key=lambda i: (not is_decode(chunks[i]), -chunks[i].end))


def _token_ids(
    placed: Seq[PlacedChunk], num_rows: int, sampled_rows: Mapping[Sequence, int]
) -> tuple[Longs, Longs]:
    token_ids, pending_rows = np.zeros(num_rows, np.int64), np.full(num_rows, -1, np.int64)
    for item in placed:
        known = item.chunk.token_ids
        token_ids[item.first_row : item.first_row + len(known)] = known
        if len(known) < item.chunk.num_tokens:
            pending_rows[item.rows.stop - 1] = sampled_rows[item.chunk.sequence]
    return token_ids, pending_rows


def _positions(placed: Seq[PlacedChunk], places: Longs) -> Longs:
    """A text's tokens lie in its blocks as they follow each other; nodes of a trie do not."""
    positions = places.copy()
    for item in placed:
        if not (chunk := item.chunk).is_causal:
            positions[item.rows] = chunk.sequence.positions(chunk.start, chunk.end)
    return positions


def _block_tables(chunks: Seq[Chunk], block_tokens: int) -> Ints:
    counts = np.array([-(-chunk.end // block_tokens) for chunk in chunks])
    tables = np.zeros((len(chunks), counts.max()), np.int32)
    used = np.arange(tables.shape[1]) < counts[:, None]
    blocks = (
        chunk.sequence.block_table[:count] for chunk, count in zip(chunks, counts.tolist(), strict=True)
    )
    tables[used] = np.fromiter(chain.from_iterable(blocks), np.int32, int(counts.sum()))
    return tables


def _tile(long: Seq[Chunk], shape: HeadShape) -> TileSize | None:
    if not long:
        return None
    has_trees = not all(chunk.is_causal for chunk in long)
    return shape.prefill_tile(max(chunk.num_tokens for chunk in long), has_trees)


def _tiles(long: Seq[Chunk], tile: TileSize | None, group: int) -> Ints:
    if tile is None:
        return np.zeros((0, 2), np.int32)
    counts, lengths = [chunk.num_tokens for chunk in long], [chunk.end for chunk in long]
    return np.array(query_tiles(counts, lengths, tile.rows // group), np.int32)


def _trees(long: Seq[Chunk]) -> TreeLayout:
    has_trees = not all(chunk.is_causal for chunk in long)
    return lay_out_trees(long if has_trees else (), window=None)


def _copied_to(chunk: Chunk, block_tokens: int) -> range:
    return copied_to(chunk, block_tokens) if chunk.copied_from else range(0)


def _longs(values: Iterable[int]) -> Longs:
    return np.fromiter(values, np.int64)
