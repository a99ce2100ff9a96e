"""How a step's rows attend on a GPU."""

from dataclasses import dataclass, field

import torch

from engine.gpu.inputs import StepInputs
from engine.gpu.paged_attention import PagedAttention
from engine.gpu.paged_prefill import RaggedBatch, TreeMasks
from engine.gpu.tile_sizes import TileSize
from engine.gpu.tree_layout import deepest, lay_out_trees
from engine.layer_tap import LayerTap
from engine.score_rule import ScoreRule
from engine.sequence import Chunk
from engine.upload import to_device


@dataclass(slots=True)
class LongRows:
    """The rows behind the decodes: chunks of several tokens, and nodes of choice tries."""

    chunks: list[Chunk]
    batch: RaggedBatch
    tile: TileSize
    inputs: StepInputs
    _masks: dict[int | None, TreeMasks | None] = field(default_factory=dict)

    @classmethod
    def of(
        cls, chunks: list[Chunk], tile: TileSize, inputs: StepInputs, num_decodes: int, group: int
    ) -> "LongRows":
        """Those of a step whose first `num_decodes` chunks are single tokens."""
        batch = RaggedBatch(
            inputs.query_starts,
            inputs.lengths[num_decodes:],
            inputs.block_tables[num_decodes:],
            inputs.tiles,
            tile.rows // group,
        )
        return cls(chunks, batch, tile, inputs)

    def tree_masks(self, window: int | None) -> TreeMasks | None:
        """Who sees whom in tries, in a layer with this window; None if there are none."""
        if window is not None and window >= deepest(self.chunks):
            window = None
        if window not in self._masks:
            self._masks[window] = self._make_masks(window)
        return self._masks[window]

    def _make_masks(self, window: int | None) -> TreeMasks | None:
        inputs = self.inputs
        if not len(inputs.tree_offsets):
            return None
        visible = inputs.visible
        if window is not None:  # shorter than a choice: hardly ever
            narrowed = torch.from_numpy(lay_out_trees(self.chunks, window).visible)
            visible = to_device(narrowed, visible.device)
        return TreeMasks(visible, inputs.tree_offsets, inputs.tree_starts, inputs.positions)


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """One step's, as `Plan`: its first `num_decodes` rows are single tokens, the others `long`."""

    attention: PagedAttention
    inputs: StepInputs
    num_decodes: int
    long: LongRows | None
    tap: LayerTap

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: ScoreRule
    ) -> torch.Tensor:
        """As `Plan.attend`."""
        inputs, count = self.inputs, self.num_decodes
        self.attention.write(layer, key, value, inputs.slots)
        if len(inputs.copied_from):
            self.attention.kv_cache.copy(layer, inputs.copied_from, inputs.copied_to)
        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        if count:
            tables, lengths = inputs.block_tables[:count], inputs.lengths[:count]
            self.attention.decode(layer, query[:count], tables, lengths, rule, out[:count])
        if self.long is not None:
            trees = self.long.tree_masks(rule.window)
            self.attention.prefill(layer, query, self.long.batch, rule, out, self.long.tile, trees)
        return out
