"""The memory behind the blocks."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class KVShape:
    """What one token's keys and values take."""

    num_layers: int
    num_kv_heads: int
    head_dim: int
    dtype: torch.dtype

    @property
    def bytes_per_token(self) -> int:
        """Over all layers, keys and values."""
        return self.num_layers * 2 * self.num_kv_heads * self.head_dim * self.dtype.itemsize


class KVCache:
    """Keys and values of all layers, apart: each [num_blocks, block_tokens, num_kv_heads, head_dim].

    Attention reads all keys, then all values, and memory is read fastest in order.
    """

    def __init__(self, shape: KVShape, num_blocks: int, block_tokens: int, device: torch.device) -> None:
        self.block_tokens = block_tokens
        self.num_layers = shape.num_layers
        size = (num_blocks, block_tokens, shape.num_kv_heads, shape.head_dim)
        # Zeros, not just memory: what padding reads is masked, and a masked NaN is still a NaN.
        # Written now, so that a machine without room for them says so at the start, not in the night.
        self._keys, self._values = (
            [torch.zeros(size, dtype=shape.dtype, device=device) for _ in range(shape.num_layers)]
            for _ in range(2)
        )

    def write(self, layer: int, slots: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> None:
        """Put key and value, both [num_tokens, num_kv_heads, head_dim], into `slots` [num_tokens] int64."""
        for flat, new in zip(self.slots(layer), (key, value), strict=True):
            flat.index_copy_(0, slots, new)

    def gather(
        self, layer: int, block_ids: torch.Tensor, out: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The blocks `block_ids` [n] int64, in that order, through the buffers `out` (`scratch`).

        Returns keys and values, each [n * block_tokens, num_kv_heads, head_dim].
        """
        count = len(block_ids)
        keys = torch.index_select(self._keys[layer], 0, block_ids, out=out[0][:count])
        values = torch.index_select(self._values[layer], 0, block_ids, out=out[1][:count])
        return keys.flatten(0, 1), values.flatten(0, 1)

    def blocks(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values as they lie: [num_blocks, block_tokens, num_kv_heads, head_dim]."""
        return self._keys[layer], self._values[layer]

    def slots(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values by slot: [num_blocks * block_tokens, num_kv_heads, head_dim]."""
        return self._keys[layer].flatten(0, 1), self._values[layer].flatten(0, 1)

    def scratch(self, num_blocks: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Buffers for `gather` of up to `num_blocks`; using them again saves a page fault for every 4 KiB."""
        size = (num_blocks, *self._keys[0].shape[1:])
        return self._keys[0].new_empty(size), self._keys[0].new_empty(size)

    def copy(self, layer: int, sources: torch.Tensor, targets: torch.Tensor) -> None:
        """Copy a layer's keys and values from slots to slots, both [num_tokens] int64, none in both."""
        for flat in self.slots(layer):
            # As whole numbers: there is no such copy of float8.
            numbers = flat.view(torch.uint8) if flat.itemsize == 1 else flat
            numbers.index_copy_(0, targets, numbers.index_select(0, sources))
