"""A layer's paged keys and values as kernels take them."""

from dataclasses import dataclass

import torch

FP8 = torch.float8_e4m3fn


@dataclass(frozen=True, slots=True)
class PagedKV:
    """Keys and values, each [num_blocks, block_tokens, num_kv_heads, head_dim], contiguous, of one dtype.

    In float8_e4m3fn they are stored divided by their scales; otherwise the scales are 1.
    """

    keys: torch.Tensor
    values: torch.Tensor
    key_scale: float = 1.0
    value_scale: float = 1.0

    def __post_init__(self) -> None:
        assert self.keys.shape == self.values.shape
        assert self.keys.dtype == self.values.dtype
        assert self.keys.is_contiguous()
        assert self.values.is_contiguous()
        assert self.keys.dtype == FP8 or self.key_scale == self.value_scale == 1

    @property
    def block_tokens(self) -> int:
        """Tokens in a block."""
        return self.keys.shape[1]

    @property
    def num_kv_heads(self) -> int:
        """Heads of keys, and of values."""
        return self.keys.shape[2]

    @property
    def head_dim(self) -> int:
        """Numbers in a head."""
        return self.keys.shape[3]

    def check_heads(self, heads: torch.Tensor) -> None:
        """Of queries [rows, num_heads, head_dim]; rows and heads may lie apart, a head's numbers may not."""
        assert heads.shape[1] % self.num_kv_heads == 0
        assert heads.shape[2] == self.head_dim
        assert heads.stride(2) == 1
        assert self.keys.dtype in (heads.dtype, FP8)
