"""What attention on a CPU needs to know of a step, prepared once for all layers.

A step's tokens lie flat, [num_tokens].
"""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate

import torch

from engine.kv_cache import KVCache
from engine.lanes import LayerProgress
from engine.layer_tap import LayerTap
from engine.masks import MaskMaker
from engine.partition import Sources, copied_to
from engine.rows import row_order
from engine.score_rule import ScoreRule
from engine.sequence import Chunk
from engine.span_attention import LayerKV, attend_spans
from engine.spans import Span, make_spans


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

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: ScoreRule
    ) -> torch.Tensor:
        """As `Plan.attend`."""
        self.write(layer, key, value)
        return self.attend_written(layer, query, key, value, rule)

    def attend_written(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: ScoreRule
    ) -> torch.Tensor:
        """The same after `write`."""
        kv = LayerKV(self.kv_cache.slots(layer), partial(self._gather, layer))
        return attend_spans(query, key, value, self._spans_within(rule.window), kv, rule)

    def _spans_within(self, window: int | None) -> list[Span]:
        """How the rows attend in a layer with this sliding window; made at the first layer that has it."""
        if window is not None and all(chunk.end <= window for chunk in self.chunks):
            window = None
        if window not in self._spans:
            masks = MaskMaker(window, self.dtype, self.device)
            self._spans[window] = make_spans(self.chunks, masks, self.kv_cache.block_tokens, self.paged)
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

    def _gather(self, layer: int, block_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, as `KVCache.gather` has them, valid until the next call."""
        if self._scratch is None or len(self._scratch[0]) < len(block_ids):
            self._scratch = self.kv_cache.scratch(len(block_ids))
        return self.kv_cache.gather(layer, block_ids, self._scratch)
