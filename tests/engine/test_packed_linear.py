"""Packed layers compute what the plain ones do."""

import pytest
import torch
from torch import nn

from engine.packed_linear import PackedLinear, available, pack_linears


@pytest.mark.skipif(not available(), reason="this torch has no oneDNN")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_rows", [1, 32, 200])
@torch.inference_mode()
def test_a_packed_layer_gives_the_plain_ones_products(num_rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(48, 70, bias=bias)
    rows = torch.randn(1, num_rows, 48)
    model = nn.Sequential(linear, nn.SiLU())
    expected = model(rows)
    pack_linears(model)
    assert isinstance(model[0], PackedLinear)
    torch.testing.assert_close(model(rows), expected, atol=1e-5, rtol=1e-5)
