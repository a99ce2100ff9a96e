"""Softmax over tiles of keys, one after the other, in base 2: parts of kernels.

As in FlashAttention-2 (https://arxiv.org/abs/2307.08691): sums are divided by the weights' total at the end.
"""

import triton
import triton.language as tl


@triton.jit
def bent(products: tl.tensor, factor: float, cap: tl.constexpr) -> tl.tensor:
    """Products of queries and keys as exponents of 2; `factor` and `cap` are those of `ScoreRule`."""
    scores = products * factor
    if cap > 0:
        scores = cap - 2 * cap / (tl.exp2(scores) + 1)
    return scores


@triton.jit
def absorbed(
    scores: tl.tensor,
    values: tl.tensor,
    top: tl.tensor,
    total: tl.tensor,
    sums: tl.tensor,
    operands: tl.constexpr,
) -> tl.tensor:
    """`top`, `total` and `sums` with one more tile: scores [rows, keys], values [keys, dims]."""
    new_top = tl.maximum(top, tl.max(scores, 1))
    # Of a row that has seen no key yet the top is -inf, and -inf less itself would be NaN.
    shift = tl.where(new_top == float("-inf"), 0.0, new_top)
    weights = tl.exp2(scores - shift[:, None])
    shrink = tl.exp2(top - shift)
    total = total * shrink + tl.sum(weights, 1)
    # Of float32 alone: three products of TF32 are nearly as exact, and FMA units would be far slower.
    sums = tl.dot(weights.to(operands), values, sums * shrink[:, None], input_precision="tf32x3")
    return new_top, total, sums


@triton.jit
def averaged(sums: tl.tensor, total: tl.tensor) -> tl.tensor:
    """The sums by the total of weights; zeros where nothing was seen."""
    return sums / tl.where(total == 0.0, 1.0, total)[:, None]
