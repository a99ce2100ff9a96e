"""The gate of an MLP: silu(gate) * up (SwiGLU, https://arxiv.org/abs/2002.05202)."""

import torch
import triton
import triton.language as tl

from engine.gpu.rounding import rounded
from engine.gpu.tile_sizes import copy_warps, row_tile


def silu_product(gate_up: torch.Tensor) -> torch.Tensor:
    """[num_rows, 2 * size], contiguous, gates before ups, to [num_rows, size].

    Rounds where transformers' modules do: what silu gives, and the product.
    """
    assert gate_up.is_contiguous()
    assert gate_up.shape[1] % 2 == 0
    num_rows, size = len(gate_up), gate_up.shape[1] // 2
    product = gate_up.new_empty(num_rows, size)
    tile = row_tile(size)
    _gate_tile[(num_rows, triton.cdiv(size, tile))](
        gate_up, product, size=size, tile=tile, num_warps=copy_warps(tile)
    )
    return product


@triton.jit
def _gate_tile(gate_up: tl.tensor, product: tl.tensor, size: tl.constexpr, tile: tl.constexpr) -> None:
    row = tl.program_id(0).to(tl.int64)
    numbers = tl.program_id(1) * tile + tl.arange(0, tile)
    mask = numbers < size
    gates = gate_up + row * 2 * size + numbers
    gate = tl.load(gates, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(gates + size, mask=mask, other=0.0).to(tl.float32)
    gated = rounded(gate / (1 + tl.exp(-gate)), product) * up
    tl.store(product + row * size + numbers, gated.to(product.dtype.element_ty), mask=mask)
