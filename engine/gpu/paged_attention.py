"""A layer's attention by the kernels, over the paged KV of all layers."""

from dataclasses import replace

import torch

from engine.gpu.buckets import Buckets
from engine.gpu.head_shape import HeadShape
from engine.gpu.kv_write import kv_write
from engine.gpu.paged_decode import paged_decode
from engine.gpu.paged_kv import PagedKV
from engine.gpu.paged_prefill import RaggedBatch, TreeMasks, paged_prefill
from engine.gpu.splits import choose_num_splits, workspace_floats
from engine.gpu.tile_sizes import TileSize
from engine.kv_cache import KVCache
from engine.score_rule import ScoreRule


class PagedAttention:
    """Kernels with all that stays the same from step to step; nothing is allocated but outputs.

    The splits of a batch are those of its bucket, in graphs and outside: each number is compiled, at the
    start, and no other one later.
    """

    def __init__(
        self,
        kv_cache: KVCache,
        shape: HeadShape,
        buckets: Buckets,
        max_model_len: int,
        num_multiprocessors: int,
    ) -> None:
        self.shape = shape
        self.kv_cache = kv_cache
        self._layers = [PagedKV(*kv_cache.blocks(layer)) for layer in range(kv_cache.num_layers)]
        self._buckets = buckets
        self._max_model_len = max_model_len
        self._num_multiprocessors = num_multiprocessors
        self._num_splits: dict[tuple[int, int | None], int] = {}
        # A window leaves no more splits than there are without.
        most = max(
            workspace_floats(size, shape.num_heads, shape.head_dim, self._splits_of(size, None))
            for size in buckets.sizes
        )
        self._workspace = torch.empty(most, device=self._layers[0].keys.device)

    def write(self, layer: int, key: torch.Tensor, value: torch.Tensor, slots: torch.Tensor) -> None:
        """As `kv_write`."""
        kv_write(key, value, self._layers[layer], slots)

    def decode(
        self,
        layer: int,
        query: torch.Tensor,
        block_tables: torch.Tensor,
        lengths: torch.Tensor,
        rule: ScoreRule,
        out: torch.Tensor,
    ) -> None:
        """As `paged_decode`."""
        rule = self._reaching(rule)
        paged_decode(
            query,
            self._layers[layer],
            block_tables,
            lengths,
            rule,
            out,
            tile=self.shape.decode_tile,
            num_splits=self._splits_of(len(query), rule.window),
            workspace=self._workspace,
        )

    def prefill(
        self,
        layer: int,
        query: torch.Tensor,
        batch: RaggedBatch,
        rule: ScoreRule,
        out: torch.Tensor,
        tile: TileSize,
        trees: TreeMasks | None,
    ) -> None:
        """As `paged_prefill`."""
        paged_prefill(query, self._layers[layer], batch, self._reaching(rule), out, tile=tile, trees=trees)

    def _reaching(self, rule: ScoreRule) -> ScoreRule:
        """The rule without a window that hides nothing: masks cost time."""
        if rule.window is None or rule.window < self._max_model_len:
            return rule
        return replace(rule, window=None)

    def _splits_of(self, num_rows: int, window: int | None) -> int:
        bucket = self._buckets.bucket_for(num_rows)
        if bucket is None:  # so many fill any GPU
            return 1
        key = bucket, window
        if key not in self._num_splits:
            self._num_splits[key] = choose_num_splits(
                bucket, self.shape.num_kv_heads, self._max_model_len, self._num_multiprocessors, window
            )
        return self._num_splits[key]
