"""One lane's rows through the model: what each chunk is after is read off the hidden states."""

from collections.abc import Sequence as Seq
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import torch

from engine.decoder import Decoder
from engine.edge_logprobs import edge_logprobs
from engine.heads import Head
from engine.kv_cache import KVCache
from engine.lanes import LayerProgress
from engine.layer_tap import DeepEnough, LayerTap
from engine.partition import Part
from engine.sampler import sample
from engine.sequence import Chunk
from engine.step_plan import LaneSync, StepPlan, row_order, slots_of
from engine.work import ChunkResult, Generation, HiddenSums, Pooling, Scoring


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """A chunk, its place among the lane's chunks as they were given, and its first row."""

    chunk: Chunk
    index: int
    first_row: int

    @property
    def rows(self) -> slice:
        """Its rows in the lane's flat tokens."""
        return slice(self.first_row, self.first_row + self.chunk.num_tokens)


class CpuDecoder(Decoder[StepPlan], Protocol):
    """A decoder whose rows attend on a CPU."""

    paged: bool  # whether it attends single tokens through block tables


class LanePass:
    """A model and its KV cache, which any number of threads may use for different rows."""

    def __init__(
        self, decoder: CpuDecoder, head: Head, kv_cache: KVCache, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._decoder = decoder
        self._head = head
        self._kv_cache = kv_cache
        self._dtype = dtype
        self._device = device

    @torch.inference_mode()
    def run(self, part: Part, progress: LayerProgress) -> list[ChunkResult]:
        """Compute a part; results in the order of its pieces, None where one yields nothing yet."""
        placed = _place([piece.chunk for piece in part.pieces])
        plan = self._plan([item.chunk for item in placed], LaneSync(progress, part.lane, part.sources))
        last_hidden = self._decode(plan)
        results: list[ChunkResult] = [None] * len(placed)
        self._pool(placed, plan.tap, last_hidden, results)
        if last_hidden is not None:
            self._score(placed, last_hidden, results)
            self._sample(placed, last_hidden, results)
        return results

    def _plan(self, chunks: list[Chunk], sync: LaneSync) -> StepPlan:
        slots = torch.tensor(slots_of(chunks, self._kv_cache.block_tokens), device=self._device)
        return StepPlan(
            self._kv_cache, chunks, self._dtype, self._device, _tap(chunks), sync, slots, self._decoder.paged
        )

    def _decode(self, plan: StepPlan) -> torch.Tensor | None:
        """Forward over flat tokens: [num_tokens, hidden_size] after the final norm, or None."""
        token_ids = [token_id for chunk in plan.chunks for token_id in chunk.token_ids]
        positions = [p for chunk in plan.chunks for p in chunk.sequence.positions(chunk.start, chunk.end)]
        with suppress(DeepEnough):
            return self._decoder.forward(
                torch.tensor(token_ids, device=self._device),
                torch.tensor(positions, device=self._device),
                plan,
            )
        return None

    def _pool(
        self,
        placed: list[PlacedChunk],
        tap: LayerTap,
        hidden: torch.Tensor | None,
        results: list[ChunkResult],
    ) -> None:
        for item in placed:
            if isinstance(work := item.chunk.sequence.work, Pooling):
                states = hidden if work.layer is None else tap.kept[work.layer]
                assert states is not None
                results[item.index] = _sums(states[item.rows])

    def _score(self, placed: list[PlacedChunk], hidden: torch.Tensor, results: list[ChunkResult]) -> None:
        scored = [item for item in placed if isinstance(item.chunk.sequence.work, Scoring)]
        firsts = [(item.chunk, item.first_row) for item in scored]
        for item, logprobs in zip(scored, edge_logprobs(firsts, hidden, self._head), strict=True):
            results[item.index] = logprobs

    def _sample(self, placed: list[PlacedChunk], hidden: torch.Tensor, results: list[ChunkResult]) -> None:
        ready = [
            item for item in placed if isinstance(item.chunk.sequence.work, Generation) and item.chunk.is_last
        ]
        if not ready:
            return
        rows = torch.tensor([item.rows.stop - 1 for item in ready], device=self._device)
        logits = self._head.logits(hidden.index_select(0, rows))
        for item, sampled in zip(ready, sample(logits, [i.chunk.sequence for i in ready]), strict=True):
            results[item.index] = sampled


def _place(chunks: Seq[Chunk]) -> list[PlacedChunk]:
    placed = []
    row = 0
    for index in row_order(list(chunks)):
        placed.append(PlacedChunk(chunks[index], index, row))
        row += chunks[index].num_tokens
    return placed


def _tap(chunks: Seq[Chunk]) -> LayerTap:
    works = [chunk.sequence.work for chunk in chunks]
    layers = [work.layer for work in works if isinstance(work, Pooling)]
    tapped = {layer for layer in layers if layer is not None}
    return LayerTap(tapped, whole=len(layers) < len(works) or None in layers)


def _sums(hidden: torch.Tensor) -> HiddenSums:
    return HiddenSums(hidden.double().sum(0).tolist(), hidden[-1].double().tolist())
