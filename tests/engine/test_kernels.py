"""Each kernel computes what torch does in float64."""

import numpy as np
import pytest
import torch
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from engine import kernels

ROWS, HEADS, KV_HEADS, HEAD_DIM = 5, 6, 2, 16


def randn(*shape: int) -> torch.Tensor:
    """The same numbers in every run."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def assert_close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual.double(), expected.double(), atol=2e-6, rtol=2e-6)


def test_exp_is_good_to_the_last_bits_and_bounded_at_both_ends() -> None:
    x = np.concatenate([np.linspace(-87, 88, 1001), [-1000, 1000]]).astype(np.float32)
    actual, scratch = x.copy(), np.empty_like(x)
    kernels.exp_in_place(actual, scratch, scratch.view(np.int32))
    np.testing.assert_allclose(actual[:-2], np.exp(x[:-2].astype(np.float64)), rtol=3e-7)
    assert 0 <= actual[-2] < 1e-37
    assert np.isfinite(actual[-1])


def test_rms_norm() -> None:
    rows, weight = randn(ROWS, 23), randn(23)
    out = torch.empty_like(rows)
    kernels.rms_norm(rows.numpy(), weight.numpy(), np.float32(1e-5), out.numpy())
    assert_close(out, rms_norm(rows.double(), (23,), weight.double(), 1e-5))


def test_head_norm_leaves_what_follows_the_heads_alone() -> None:
    rows, weights = randn(ROWS, (HEADS + 1) * HEAD_DIM), randn(HEADS, HEAD_DIM)
    before = rows.clone().view(ROWS, -1, HEAD_DIM).double()
    kernels.head_norm(rows.numpy(), weights.numpy(), np.float32(1e-5))
    normed = rms_norm(before[:, :HEADS], (HEAD_DIM,), None, 1e-5) * weights
    assert_close(rows.view(ROWS, -1, HEAD_DIM), torch.cat((normed, before[:, HEADS:]), 1))


def test_silu_product() -> None:
    gate, up = randn(ROWS, 19) * 30, randn(ROWS, 19)
    out = torch.empty(ROWS, 19)
    kernels.silu_product(torch.cat((gate, up), 1).numpy(), out.numpy())
    assert_close(out, silu(gate.double()) * up)


def test_rotation_turns_the_first_heads_only() -> None:
    rows = randn(ROWS, (HEADS + 1) * HEAD_DIM)
    cos, sin = randn(ROWS, HEAD_DIM), randn(ROWS, HEAD_DIM)
    before = rows.clone().view(ROWS, -1, HEAD_DIM).double()
    kernels.rotate(rows.numpy(), HEADS, cos.numpy(), sin.numpy())
    first, second = before[:, :HEADS].chunk(2, -1)
    turned = before[:, :HEADS] * cos[:, None] + torch.cat((-second, first), -1) * sin[:, None]
    assert_close(rows.view(ROWS, -1, HEAD_DIM), torch.cat((turned, before[:, HEADS:]), 1))


@pytest.mark.parametrize("window", [None, 7])
def test_paged_attention_over_odd_lengths_and_blocks_out_of_order(window: int | None) -> None:
    block_tokens, lengths = 4, [1, 4, 5, 11, 30]
    width = -(-max(lengths) // block_tokens)
    tables = torch.randperm(ROWS * width, generator=torch.Generator().manual_seed(0)).view(ROWS, width)
    keys, values = (randn(ROWS * width * block_tokens, KV_HEADS, HEAD_DIM) + shift for shift in (0, 1))
    query, out = randn(ROWS, HEADS, HEAD_DIM), torch.empty(ROWS, HEADS, HEAD_DIM)
    starts = [max(length - window, 0) if window else 0 for length in lengths]
    kernels.paged_attention(HEAD_DIM)(
        query.numpy(),
        keys.numpy(),
        values.numpy(),
        tables.numpy(),
        np.array(starts),
        np.array(lengths),
        block_tokens,
        np.float32(0.25),
        out.numpy(),
    )
    for row, (start, end) in enumerate(zip(starts, lengths, strict=True)):
        slots = (tables[row, :, None] * block_tokens + torch.arange(block_tokens)).flatten()[start:end]
        q = query[row].double()[:, None]
        k, v = (part[slots].double().transpose(0, 1) for part in (keys, values))
        assert_close(out[row], scaled_dot_product_attention(q, k, v, scale=0.25, enable_gqa=True)[:, 0])


def test_arrays_that_are_not_contiguous_are_refused() -> None:
    strided = np.zeros((4, 8), np.float32)[:, ::2]
    with pytest.raises(TypeError, match="matching definition"):
        kernels.rms_norm(strided, np.ones(4, np.float32), np.float32(0), np.zeros((4, 4), np.float32))
