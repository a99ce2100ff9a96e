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
    """Keys and values of all layers; each layer [num_blocks, block_tokens, 2, num_kv_heads, head_dim].

    Keys and values lie side by side so that one gather reads both.
    """

    def __init__(self, shape: KVShape, num_blocks: int, block_tokens: int, device: torch.device) -> None:
        self.block_tokens = block_tokens
        size = (num_blocks, block_tokens, 2, shape.num_kv_heads, shape.head_dim)
        # Zeros, not empty: what padding reads is masked, and a masked NaN is still a NaN.
        self._layers = [torch.zeros(size, dtype=shape.dtype, device=device) for _ in range(shape.num_layers)]

    def write(self, layer: int, slots: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> None:
        """Put key and value, both [num_tokens, num_kv_heads, head_dim], into `slots` [num_tokens] int64."""
        flat = self._layers[layer].flatten(0, 1)
        flat.index_copy_(0, slots, torch.stack((key, value), dim=1))

    def gather(self, layer: int, block_ids: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """The blocks `block_ids` [n] int64, in that order, through the buffer `out` (`scratch`).

        Returns [n * block_tokens, 2, num_kv_heads, head_dim].
        """
        blocks = self._layers[layer]
        return torch.index_select(blocks, 0, block_ids, out=out[: len(block_ids)]).flatten(0, 1)

    def scratch(self, num_blocks: int) -> torch.Tensor:
        """A buffer for `gather` of up to `num_blocks`; reusing it saves a page fault for every 4 KiB read."""
        return self._layers[0].new_empty((num_blocks, *self._layers[0].shape[1:]))

    def copy(self, layer: int, sources: torch.Tensor, targets: torch.Tensor) -> None:
        """Copy a layer's keys and values from slots to slots, both [num_tokens] int64, none in both."""
        flat = self._layers[layer].flatten(0, 1)
        flat.index_copy_(0, targets, flat.index_select(0, sources))
