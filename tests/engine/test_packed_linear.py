"""Packed layers compute what the plain ones do."""

import pytest
import torch
from torch import nn

from engine.packed_linear import FEW_ROWS, PackedLinear, has_fp16, has_onednn, pack_linears, rows_to_compute

pytestmark = pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")
needs_fp16 = pytest.mark.skipif(not has_fp16(), reason="no 16-bit weights on this CPU")


def products(linear: nn.Linear, rows: torch.Tensor, fp16: bool) -> torch.Tensor:
    """What a model of one layer gives when it is packed."""
    model = nn.Sequential(linear, nn.Identity())
    pack_linears(model, fp16)
    assert isinstance(model[0], PackedLinear)
    result: torch.Tensor = model(rows)
    return result


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_rows", [1, 32, 200])
@torch.inference_mode()
def test_a_packed_layer_gives_the_plain_ones_products(num_rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(48, 70, bias=bias)
    rows = torch.randn(1, num_rows, 48)
    torch.testing.assert_close(products(linear, rows, fp16=False), linear(rows), atol=1e-5, rtol=1e-5)


@needs_fp16
@pytest.mark.parametrize("num_rows", [1, FEW_ROWS, FEW_ROWS + 1, 200])
@torch.inference_mode()
def test_16_bit_weights_lose_nothing_that_was_stored_in_16_bits(num_rows: int) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(48, 70)
    linear.weight.copy_(linear.weight.half())
    rows = torch.randn(1, num_rows, 48)
    torch.testing.assert_close(products(linear, rows, fp16=True), linear(rows), atol=1e-5, rtol=1e-5)


@needs_fp16
@torch.inference_mode()
def test_a_row_has_the_same_product_alone_and_in_company() -> None:
    linear = nn.Linear(48, 70)
    rows = torch.randn(FEW_ROWS + 100, 48)
    together = products(linear, rows, fp16=True)
    torch.testing.assert_close(products(linear, rows[:1], fp16=True), together[:1], atol=1e-5, rtol=1e-5)


def test_few_numbers_of_rows_stand_for_all_and_none_is_cut() -> None:
    computed = [rows_to_compute(num_rows) for num_rows in range(1, 513)]
    assert len(set(computed)) <= 28
    assert all(0 <= more - num_rows < 32 for num_rows, more in enumerate(computed, 1))
    assert computed[:8] == [8] * 8
