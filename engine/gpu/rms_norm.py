"""Root mean square norm of rows (https://arxiv.org/abs/1910.07467), after something was added to them."""

import torch
import triton
import triton.language as tl

from engine.gpu.rounding import rounded
from engine.gpu.tile_sizes import copy_warps, next_power_of_two


def rms_norm(
    rows: torch.Tensor, weight: torch.Tensor, epsilon: float, branch: torch.Tensor | None = None
) -> torch.Tensor:
    """The norm of `rows`, [num_rows, size], times `weight`, [size]; all contiguous, of one dtype.

    A `branch` of the same shape is first added to `rows`, in place. Rounds where transformers' modules do:
    the sum, the norm before its weight, and the product.
    """
    num_rows, size = rows.shape
    assert weight.shape == (size,)
    assert rows.is_contiguous()
    assert weight.dtype == rows.dtype
    if branch is not None:
        assert branch.shape == rows.shape
        assert branch.is_contiguous()
        assert branch.dtype == rows.dtype
    normed = torch.empty_like(rows)
    _norm_row[(num_rows,)](
        rows,
        branch,
        weight,
        normed,
        epsilon,
        size=size,
        padded_size=next_power_of_two(size),
        adds=branch is not None,
        num_warps=copy_warps(size),
    )
    return normed


@triton.jit
def _norm_row(
    rows: tl.tensor,
    branch: tl.tensor,
    weight: tl.tensor,
    normed: tl.tensor,
    epsilon: float,
    size: tl.constexpr,
    padded_size: tl.constexpr,
    adds: tl.constexpr,
) -> None:
    numbers = tl.arange(0, padded_size)
    mask = numbers < size
    places = tl.program_id(0).to(tl.int64) * size + numbers
    row = tl.load(rows + places, mask=mask, other=0.0).to(tl.float32)
    factors = tl.load(weight + numbers, mask=mask, other=0.0).to(tl.float32)
    if adds:
        row = rounded(row + tl.load(branch + places, mask=mask, other=0.0).to(tl.float32), rows)
        tl.store(rows + places, row.to(rows.dtype.element_ty), mask=mask)
    scale = tl.rsqrt(tl.sum(row * row, 0) / size + epsilon)
    product = factors * rounded(row * scale, normed)
    tl.store(normed + places, product.to(normed.dtype.element_ty), mask=mask)
