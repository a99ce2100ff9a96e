"""One lane's rows through the model: what each chunk is after is read off the hidden states."""

from contextlib import suppress
from typing import Protocol

import torch

from engine.decoder import Decoder
from engine.heads import Head
from engine.kv_cache import KVCache
from engine.lanes import LayerProgress
from engine.layer_tap import DeepEnough
from engine.partition import Part
from engine.reading import make_tap, read
from engine.rows import place, row_order, slots_of
from engine.sequence import Chunk
from engine.step_plan import LaneSync, StepPlan
from engine.work import ChunkResult


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
        chunks = [piece.chunk for piece in part.pieces]
        placed = place(chunks, row_order(chunks))
        plan = self._plan([item.chunk for item in placed], LaneSync(progress, part.lane, part.sources))
        reading = read(placed, plan.tap, self._decode(plan), self._head)
        return reading.unpack(reading.packed.cpu())

    def _plan(self, chunks: list[Chunk], sync: LaneSync) -> StepPlan:
        slots = torch.tensor(slots_of(chunks, self._kv_cache.block_tokens), device=self._device)
        return StepPlan(
            self._kv_cache,
            chunks,
            self._dtype,
            self._device,
            make_tap(chunks),
            sync,
            slots,
            self._decoder.paged,
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
