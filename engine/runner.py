"""One step on the device: chunks of sequences in, tokens, log-probabilities and hidden states out."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Any

import torch

from engine.heads import Head
from engine.kv_cache import KVCache
from engine.layer_tap import run_tapped
from engine.sampler import sample
from engine.sequence import Chunk
from engine.step_plan import StepPlan, plan_step, row_order
from engine.work import ChunkResult, EdgeLogprobs, Generation, HiddenSums, Pooling, Scoring

LOGITS_ROWS = 128  # how many rows of logits exist at a time when choices are scored


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """A chunk, its place among the step's chunks as they were given, and its first row."""

    chunk: Chunk
    index: int
    first_row: int

    @property
    def rows(self) -> slice:
        """Its rows in the step's flat tokens."""
        return slice(self.first_row, self.first_row + self.chunk.num_tokens)

    def row_of(self, token_index: int) -> int:
        """The row of the sequence's token `token_index`."""
        return self.first_row + token_index - self.chunk.start


class ModelRunner:
    """A model and its KV cache. Not for several threads at a time."""

    def __init__(self, model: Any, kv_cache: KVCache, dtype: torch.dtype, device: torch.device) -> None:
        self._decoder = model.base_model
        self._head = Head(model)
        self._num_layers = model.config.num_hidden_layers
        self._kv_cache = kv_cache
        self._dtype = dtype
        self._device = device

    @torch.inference_mode()
    def run(self, chunks: Seq[Chunk]) -> list[ChunkResult]:
        """Compute the chunks; results in their order, None where a chunk yields nothing yet."""
        placed = _place(chunks)
        kept, last_hidden = self._forward(placed)
        results: list[ChunkResult] = [None] * len(chunks)
        for item in placed:
            work = item.chunk.sequence.work
            if isinstance(work, Pooling):
                hidden = last_hidden if work.layer is None else kept[work.layer]
                assert hidden is not None
                results[item.index] = _sums(hidden[0, item.rows])
            elif isinstance(work, Scoring):
                assert last_hidden is not None
                results[item.index] = self._score(item, work, last_hidden[0])
        self._sample(placed, last_hidden, results)
        return results

    def _forward(self, placed: list[PlacedChunk]) -> tuple[dict[int, torch.Tensor], torch.Tensor | None]:
        chunks = [item.chunk for item in placed]
        plan = plan_step(chunks, self._kv_cache, self._dtype, self._device)
        works = [chunk.sequence.work for chunk in chunks]
        layers = [work.layer for work in works if isinstance(work, Pooling)]
        tapped = {layer for layer in layers if layer is not None}
        whole = len(layers) < len(works) or None in layers
        return run_tapped(self._decoder, tapped, whole, lambda: self._decode(chunks, plan))

    def _decode(self, chunks: list[Chunk], plan: StepPlan) -> torch.Tensor:
        """The model's own forward over flat tokens; [1, num_tokens, hidden_size], after the final norm."""
        token_ids = [token_id for chunk in chunks for token_id in chunk.token_ids]
        positions = [p for chunk in chunks for p in chunk.sequence.positions(chunk.start, chunk.end)]
        output = self._decoder(
            input_ids=torch.tensor([token_ids], device=self._device),
            position_ids=torch.tensor([positions], device=self._device),
            use_cache=False,
            plan=plan,
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def _logits(self, hidden: torch.Tensor, rows: Seq[int]) -> torch.Tensor:
        """[len(rows), vocab_size] float32."""
        picked = hidden.index_select(0, torch.tensor(rows, device=self._device))
        return self._head.logits(picked)

    def _sample(
        self, placed: list[PlacedChunk], hidden: torch.Tensor | None, results: list[ChunkResult]
    ) -> None:
        ready = [
            item for item in placed if isinstance(item.chunk.sequence.work, Generation) and item.chunk.is_last
        ]
        if not ready:
            return
        assert hidden is not None
        logits = self._logits(hidden[0], [item.rows.stop - 1 for item in ready])
        for item, sampled in zip(ready, sample(logits, [i.chunk.sequence for i in ready]), strict=True):
            results[item.index] = sampled

    def _score(self, item: PlacedChunk, work: Scoring, hidden: torch.Tensor) -> EdgeLogprobs:
        """The log-probabilities of all edges whose node is in the chunk."""
        root = item.chunk.sequence.num_prompt_tokens - 1
        nodes = range(max(item.chunk.start - root, 0), max(item.chunk.end - root, 0))
        by_edge: dict[int, float] = {}
        for start in range(0, len(nodes), LOGITS_ROWS):
            part = nodes[start : start + LOGITS_ROWS]
            logits = self._logits(hidden, [item.row_of(root + node) for node in part])
            edges = [(number, edge) for number, edge in enumerate(work.trie.edges) if edge.node in part]
            rows, token_ids = [edge.node - part.start for _, edge in edges], [e.token_id for _, e in edges]
            values = logits.log_softmax(-1)[rows, token_ids].tolist()
            by_edge |= zip((number for number, _ in edges), values, strict=True)
        return EdgeLogprobs(by_edge)


def _place(chunks: Seq[Chunk]) -> list[PlacedChunk]:
    placed = []
    row = 0
    for index in row_order(list(chunks)):
        placed.append(PlacedChunk(chunks[index], index, row))
        row += chunks[index].num_tokens
    return placed


def _sums(hidden: torch.Tensor) -> HiddenSums:
    return HiddenSums(hidden.double().sum(0).tolist(), hidden[-1].double().tolist())
