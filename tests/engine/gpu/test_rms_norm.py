"""Norms of rows are those of transformers' modules, whatever is added first."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from engine.gpu.rms_norm import rms_norm
from tests.engine.gpu.modules import DTYPES, assert_as_modules
from tests.engine.gpu.reference import assert_close, randn

EPSILON = 1e-5


def weight_of(size: int, dtype: torch.dtype) -> torch.Tensor:
    """About 1."""
    return (1 + 0.3 * randn(size, seed=7)).to(dtype)


def defined(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """In float64."""
    wide = rows.double()
    return wide / (wide.square().mean(1, keepdim=True) + EPSILON).sqrt() * weight.double()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 700), st.sampled_from(DTYPES))
def test_rows_of_any_width_become_as_large_as_their_weights(
    num_rows: int, size: int, dtype: torch.dtype
) -> None:
    rows, weight = 3 * randn(num_rows, size, dtype=dtype), weight_of(size, dtype)
    assert_close(rms_norm(rows, weight, EPSILON), defined(rows, weight))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 700), st.sampled_from(DTYPES))
def test_a_branch_is_added_in_place_and_then_the_sum_is_normed(
    num_rows: int, size: int, dtype: torch.dtype
) -> None:
    rows, branch = randn(num_rows, size, dtype=dtype, seed=1), randn(num_rows, size, dtype=dtype, seed=2)
    weight, total = weight_of(size, dtype), rows + branch
    normed = rms_norm(rows, weight, EPSILON, branch)
    assert torch.equal(rows, total)
    assert torch.equal(branch, randn(num_rows, size, dtype=dtype, seed=2))
    assert_close(normed, defined(total, weight))


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_it_rounds_where_transformers_does(dtype: torch.dtype) -> None:
    rows, branch = (randn(33, 200, dtype=dtype, seed=seed) for seed in (1, 2))
    module = LlamaRMSNorm(200, EPSILON)
    module.weight.copy_(weight_of(200, dtype))
    module = module.to(rows.device, dtype)
    expected = module(rows + branch)
    assert_as_modules(rms_norm(rows, module.weight, EPSILON, branch), expected)


def test_what_stands_in_padding_rows_stays_there() -> None:
    rows, branch, weight = randn(4, 96, seed=1), randn(4, 96, seed=2), weight_of(96, torch.float32)
    rows[1] = branch[3] = torch.nan
    total = rows + branch
    normed = rms_norm(rows, weight, EPSILON, branch)
    assert_close(normed[::2], defined(total[::2], weight))


def test_the_rows_of_a_large_model() -> None:
    rows, weight = randn(2, 8192, dtype=torch.bfloat16), weight_of(8192, torch.bfloat16)
    assert_close(rms_norm(rows, weight, EPSILON), defined(rows, weight))
