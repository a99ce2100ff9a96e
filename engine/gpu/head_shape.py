"""A model's attention heads, and what follows from them for launches. Imports no torch."""

from dataclasses import dataclass

from engine.gpu.tile_sizes import TileSize, decode_tile, prefill_tile


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Numbers of heads, how large one is, and the bytes of a query's number."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    itemsize: int

    @property
    def group(self) -> int:
        """Query heads to a KV head."""
        return self.num_heads // self.num_kv_heads

    @property
    def decode_tile(self) -> TileSize:
        """As `tile_sizes.decode_tile`."""
        return decode_tile(self.head_dim, self.itemsize, self.group)

    def prefill_tile(self, longest_chunk: int, has_trees: bool) -> TileSize:
        """As `tile_sizes.prefill_tile`."""
        return prefill_tile(self.head_dim, self.itemsize, self.group, longest_chunk, has_trees)
