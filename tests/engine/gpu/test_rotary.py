"""Queries and keys turn by their positions, after their norms, and values stay as they are."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm, apply_rotary_pos_emb

from engine.fused_families import HeadLayout
from engine.gpu.rotary import HeadNorms, turn_heads
from tests.engine.gpu.modules import DTYPES, assert_as_modules
from tests.engine.gpu.reference import assert_close, randn

EPSILON = 1e-5


def tables(num_tokens: int, head_dim: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of any angles, stretched a little, as some scalings do."""
    angles = randn(num_tokens, head_dim // 2, seed=5).repeat(1, 2)
    return (1.1 * angles.cos()).to(dtype), (1.1 * angles.sin()).to(dtype)


def norms_of(head_dim: int, dtype: torch.dtype) -> HeadNorms:
    """About 1, queries' and keys' not the same."""
    return HeadNorms((1 + 0.3 * randn(2, head_dim, seed=6)).to(dtype), EPSILON)


def defined(
    qkv: torch.Tensor, layout: HeadLayout, cos: torch.Tensor, sin: torch.Tensor, norms: HeadNorms | None
) -> torch.Tensor:
    """In float64, by complex numbers: a pair is a head's first and second half."""
    query, key, value = qkv.double().view(len(qkv), -1, layout.head_dim).split(layout.counts, dim=1)
    turn = torch.complex(cos.double(), sin.double())[:, None, : layout.head_dim // 2]
    parts = []
    for index, heads in enumerate((query, key)):
        normed = heads
        if norms is not None:
            scale = (heads.square().mean(-1, keepdim=True) + norms.epsilon).rsqrt()
            normed = heads * scale * norms.weights[index].double()
        turned = torch.complex(*normed.chunk(2, dim=-1)) * turn
        parts.append(torch.cat((turned.real, turned.imag), dim=-1))
    return torch.cat((*parts, value), dim=1).flatten(1)


@settings(max_examples=40, deadline=None)
@given(
    num_tokens=st.integers(1, 4),
    num_kv_heads=st.integers(1, 4),
    group=st.integers(1, 9),
    half=st.sampled_from([1, 3, 6, 8, 40, 64, 128]),
    dtype=st.sampled_from(DTYPES),
    has_norms=st.booleans(),
)
def test_any_shape(
    num_tokens: int, num_kv_heads: int, group: int, half: int, dtype: torch.dtype, has_norms: bool
) -> None:
    layout = HeadLayout(num_kv_heads * group, num_kv_heads, 2 * half)
    qkv = randn(num_tokens, layout.qkv_size, dtype=dtype)
    cos, sin = tables(num_tokens, 2 * half, dtype)
    norms = norms_of(2 * half, dtype) if has_norms else None
    expected = defined(qkv, layout, cos, sin, norms)
    turn_heads(qkv, layout, cos, sin, norms)
    assert_close(qkv, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("has_norms", [False, True])
@torch.inference_mode()
def test_it_rounds_where_transformers_does(dtype: torch.dtype, has_norms: bool) -> None:
    layout, norms = HeadLayout(6, 2, 24), norms_of(24, dtype)
    qkv = randn(17, layout.qkv_size, dtype=dtype)
    cos, sin = tables(17, 24, dtype)
    query, key, value = qkv.clone().view(17, -1, 24).split(layout.counts, dim=1)
    if has_norms:
        query, key = (as_qwen3(*pair) for pair in zip((query, key), norms.weights, strict=True))
    query, key = apply_rotary_pos_emb(query, key, cos, sin)
    turn_heads(qkv, layout, cos, sin, norms if has_norms else None)
    assert_as_modules(qkv, torch.cat((query, key, value), dim=1).flatten(1))


def as_qwen3(heads: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Normed by transformers' module."""
    module = Qwen3RMSNorm(len(weight), EPSILON).to(weight.device, weight.dtype)
    module.weight.copy_(weight)
    normed: torch.Tensor = module(heads)
    return normed


def test_what_stands_in_padding_rows_stays_there() -> None:
    layout = HeadLayout(4, 2, 16)
    qkv, (cos, sin) = randn(3, layout.qkv_size), tables(3, 16, torch.float32)
    qkv[1] = cos[1] = torch.nan
    expected = defined(qkv, layout, cos, sin, None)
    turn_heads(qkv, layout, cos, sin, None)
    assert_close(qkv[::2], expected[::2])
