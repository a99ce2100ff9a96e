"""Gates open as silu has it, and let through what stands beside them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import silu

from engine.gpu.swiglu import silu_product
from tests.engine.gpu.modules import DTYPES, assert_as_modules
from tests.engine.gpu.reference import assert_close, randn


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 2500), st.sampled_from(DTYPES))
def test_each_number_goes_through_its_own_gate(num_rows: int, size: int, dtype: torch.dtype) -> None:
    gate_up = randn(num_rows, 2 * size, dtype=dtype)
    gate, up = gate_up.double().split(size, dim=1)
    assert_close(silu_product(gate_up), silu(gate) * up)


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_rounds_where_transformers_does(dtype: torch.dtype) -> None:
    gate_up = 3 * randn(9, 2 * 1100, dtype=dtype)
    gate, up = gate_up.split(1100, dim=1)
    assert_as_modules(silu_product(gate_up), silu(gate) * up)


def test_gates_that_are_far_open_or_shut_make_no_nan() -> None:
    gate_up = torch.tensor([[-1e30, -200.0, -90.0, 90.0, 1e30] + 5 * [2.0]]).to(randn(1).device)
    expected = torch.tensor([[0.0, 0.0, 0.0, 180.0, 2e30]], dtype=torch.float64).to(gate_up.device)
    assert_close(silu_product(gate_up), expected)


def test_what_stands_in_padding_rows_stays_there() -> None:
    gate_up = randn(3, 2 * 40)
    gate_up[1] = torch.nan
    gate, up = gate_up.double().split(40, dim=1)
    assert_close(silu_product(gate_up)[::2], (silu(gate) * up)[::2])
