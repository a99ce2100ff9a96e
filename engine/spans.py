"""A step's rows as a CPU attends them: prepared once for all layers that see equally far.

Rows that bring one new token are attended in batches of similar length; a longer chunk has a call of its own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from engine.masks import MaskMaker
from engine.rows import is_decode
from engine.sequence import Chunk

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DecodeSpan:
    """Rows of as many sequences, one new token each."""

    rows: slice
    block_ids: torch.Tensor  # [num_rows * blocks per row] int64
    mask: torch.Tensor  # [num_rows, 1, 1, keys], additive
    unused: torch.Tensor  # the keys, of num_rows * keys, that are nobody's: int64


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """Consecutive rows of one sequence, which see all of its tokens up to there."""

    rows: slice
    block_ids: torch.Tensor  # [num_blocks] int64
    mask: torch.Tensor  # [num_rows, keys], additive


@dataclass(frozen=True, slots=True)
class FreshSpan:
    """Rows that are the whole beginning of a sequence: plain causal attention among themselves."""

    rows: slice


@dataclass(frozen=True, slots=True)
class PagedSpan:
    """Rows of as many sequences, one new token each, for a kernel that reads block tables."""

    rows: slice
    block_tables: Ints  # [num_rows, most blocks]
    starts: Ints  # [num_rows], the first token that is attended to
    ends: Ints  # [num_rows], the one after the last
    block_tokens: int


Span = DecodeSpan | ChunkSpan | FreshSpan | PagedSpan


def make_spans(chunks: list[Chunk], masks: MaskMaker, block_tokens: int, paged: bool) -> list[Span]:
    """The spans of chunks in a step's order of rows, for layers that see as the masks say.

    `paged`: single tokens are attended by a kernel that reads block tables, not through gathered copies.
    """
    singles = [chunk for chunk in chunks if is_decode(chunk)] if paged else []
    spans: list[Span] = [_paged_span(singles, masks.window, block_tokens)] if singles else []
    row = len(singles)
    for group in _groups(chunks[row:]):
        rows = slice(row, row + sum(chunk.num_tokens for chunk in group))
        if is_decode(group[0]):
            spans.append(_decode_span(rows, group, masks, block_tokens))
        else:
            spans.append(_chunk_span(rows, group[0], masks, block_tokens))
        row = rows.stop
    return spans


def _paged_span(chunks: list[Chunk], window: int | None, block_tokens: int) -> PagedSpan:
    tables = [_blocks(chunk, block_tokens) for chunk in chunks]
    width = max(map(len, tables))
    padded = np.array([table + table[-1:] * (width - len(table)) for table in tables])
    ends = np.array([chunk.end for chunk in chunks])
    starts = np.zeros_like(ends) if window is None else np.maximum(ends - window, 0)
    return PagedSpan(slice(0, len(chunks)), padded, starts, ends, block_tokens)


def _groups(chunks: list[Chunk]) -> list[list[Chunk]]:
    """Single tokens together while padding to the longest wastes little, others alone."""
    groups: list[list[Chunk]] = []
    for chunk in chunks:
        first = groups[-1][0] if groups else None
        if first and is_decode(first) and is_decode(chunk) and chunk.end <= 1.25 * first.end + 64:
            groups[-1].append(chunk)
        else:
            groups.append([chunk])
    return groups


def _decode_span(rows: slice, group: list[Chunk], masks: MaskMaker, block_tokens: int) -> DecodeSpan:
    tables = [_blocks(chunk, block_tokens) for chunk in group]
    width = max(map(len, tables))
    padded = [block for table in tables for block in table + table[-1:] * (width - len(table))]
    num_keys = width * block_tokens
    mask = masks.decode([chunk.end for chunk in group], num_keys)
    unused = [
        index
        for row, chunk in enumerate(group)
        for index in range(row * num_keys + chunk.end, (row + 1) * num_keys)
    ]
    ids, indices = (torch.tensor(ints, dtype=torch.int64, device=masks.device) for ints in (padded, unused))
    return DecodeSpan(rows, ids, mask, indices)


def _chunk_span(rows: slice, chunk: Chunk, masks: MaskMaker, block_tokens: int) -> ChunkSpan | FreshSpan:
    if (mask := masks.chunk(chunk)) is None:
        return FreshSpan(rows)
    return ChunkSpan(rows, torch.tensor(_blocks(chunk, block_tokens), device=masks.device), mask)


def _blocks(chunk: Chunk, block_tokens: int) -> list[int]:
    return chunk.sequence.block_table[: -(-chunk.end // block_tokens)]
