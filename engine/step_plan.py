"""What attention needs to know of a step, prepared once for all layers.

A step's tokens lie flat, [1, num_tokens]. Rows that bring one new token are attended in batches of similar
length; a longer chunk has a call of its own.
"""

from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch

from engine.kv_cache import KVCache
from engine.lanes import LayerProgress
from engine.layer_tap import LayerTap
from engine.masks import MaskMaker
from engine.partition import Sources, copied_to
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


@dataclass(frozen=True, slots=True)
class LaneSync:
    """A lane's place among those of its step.

    In each layer a lane writes its rows' KV, then copies, then reads. No copy is made of a copy, so that each
    of the two waits below ends.
    """

    progress: LayerProgress
    lane: int
    sources: Sources

    def wrote(self, layer: int) -> None:
        """This lane's KV of a layer is written; returns when that of the lanes it copies from is, too."""
        self.progress.wrote(self.lane, layer)
        self.progress.wait(self.sources.copied, layer)

    def filled(self, layer: int) -> None:
        """And its copies are made; returns when the lanes whose KV it reads have got as far."""
        self.progress.wrote(self.lane, layer + 0.5)
        self.progress.wait(self.sources.read, layer + 0.5)


@dataclass(frozen=True, slots=True)
class Tail:
    """The rows that somebody reads at the end: in the last layer, others only leave their keys and values."""

    rows: torch.Tensor  # [num_rows] int64
    plan: "StepPlan"


@dataclass(slots=True)
class StepPlan:
    """One lane's chunks of a step, in the order of its rows, and where their KV goes.

    `paged`: single tokens are attended by a kernel that reads block tables, not through gathered copies.
    """

    kv_cache: KVCache
    chunks: list[Chunk]
    dtype: torch.dtype
    device: torch.device
    tap: LayerTap
    sync: LaneSync
    slots: torch.Tensor  # [num_tokens] int64
    paged: bool = False
    _copies: tuple[torch.Tensor, torch.Tensor] | None = field(init=False)
    _spans: dict[int | None, list[Span]] = field(default_factory=dict)
    _scratch: tuple[torch.Tensor, torch.Tensor] | None = None

    def __post_init__(self) -> None:
        sources = [slot for chunk in self.chunks for slot in chunk.copied_from]
        targets = [slot for chunk in self.chunks for slot in copied_to(chunk, self.kv_cache.block_tokens)]
        pair = (torch.tensor(sources, device=self.device), torch.tensor(targets, device=self.device))
        self._copies = pair if sources else None

    def tail(self) -> Tail | None:
        """What is left to do after the last layer's keys and values; None if that is all rows."""
        firsts = accumulate((chunk.num_tokens for chunk in self.chunks), initial=0)
        ends = [
            (replace(chunk, start=chunk.first_read_token), row - chunk.start)
            for chunk, row in zip(self.chunks, firsts, strict=False)
            if chunk.first_read_token < chunk.end
        ]
        if sum(chunk.num_tokens for chunk, _ in ends) == len(self.slots):
            return None
        ends = [ends[index] for index in row_order([chunk for chunk, _ in ends])]
        rows = [shift + index for chunk, shift in ends for index in range(chunk.start, chunk.end)]
        tensor = torch.tensor(rows, dtype=torch.int64, device=self.device)
        return Tail(tensor, replace(self, chunks=[chunk for chunk, _ in ends], _spans={}))

    def spans(self, window: int | None) -> list[Span]:
        """How the rows attend in a layer with this sliding window; made at the first layer that has it."""
        if window is not None and all(chunk.end <= window for chunk in self.chunks):
            window = None
        if window not in self._spans:
            masks = MaskMaker(window, self.dtype, self.device)
            self._spans[window] = _make_spans(self.chunks, masks, self.kv_cache.block_tokens, self.paged)
        return self._spans[window]

    def write(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Put the rows' key and value, [num_tokens, num_kv_heads, head_dim], where they belong.

        Then the rows can attend: what other lanes write and what is copied is there as well.
        """
        self.kv_cache.write(layer, self.slots, key, value)
        if self._copies is not None:
            self.sync.wrote(layer)
            self.kv_cache.copy(layer, *self._copies)
        self.sync.filled(layer)

    def gather(self, layer: int, block_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, as `KVCache.gather` has them, valid until the next call."""
        if self._scratch is None or len(self._scratch[0]) < len(block_ids):
            self._scratch = self.kv_cache.scratch(len(block_ids))
        return self.kv_cache.gather(layer, block_ids, self._scratch)


def row_order(chunks: list[Chunk]) -> list[int]:
    """The order of a step's chunks in its rows: single tokens first, by the length they attend to."""
    return sorted(range(len(chunks)), key=lambda i: (not _is_decode(chunks[i]), chunks[i].end))


def slots_of(chunks: list[Chunk], block_tokens: int) -> list[int]:
    """Where the KV of the chunks' tokens goes."""
    return [
        chunk.sequence.block_table[index // block_tokens] * block_tokens + index % block_tokens
        for chunk in chunks
        for index in range(chunk.start, chunk.end)
    ]


def _is_decode(chunk: Chunk) -> bool:
    return chunk.num_tokens == 1 and chunk.is_causal


def _make_spans(chunks: list[Chunk], masks: MaskMaker, block_tokens: int, paged: bool) -> list[Span]:
    singles = [chunk for chunk in chunks if _is_decode(chunk)] if paged else []
    spans: list[Span] = [_paged_span(singles, masks.window, block_tokens)] if singles else []
    row = len(singles)
    for group in _groups(chunks[row:]):
        rows = slice(row, row + sum(chunk.num_tokens for chunk in group))
        if _is_decode(group[0]):
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
        if first and _is_decode(first) and _is_decode(chunk) and chunk.end <= 1.25 * first.end + 64:
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
