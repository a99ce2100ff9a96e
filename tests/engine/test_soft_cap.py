"""Soft-capped attention bends the scores and is otherwise torch's own."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from engine import soft_cap
from engine.soft_cap import soft_capped_attention

SCALE = 0.5


def tensors(queries: int, keys: int) -> tuple[torch.Tensor, ...]:
    """A query of 4 heads, a key and a value of 2."""
    torch.manual_seed(0)
    sizes = ((1, 4, queries, 8), (1, 2, keys, 8), (1, 2, keys, 8))
    return tuple(3 * torch.randn(size) for size in sizes)


def by_definition(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cap: float) -> torch.Tensor:
    """Causal, one head and one query at a time."""
    output = torch.empty_like(query)
    for head in range(query.shape[1]):
        for index in range(query.shape[2]):
            seen_keys, seen_values = (tensor[0, head // 2, : index + 1] for tensor in (key, value))
            scores = cap * torch.tanh(seen_keys @ query[0, head, index] * SCALE / cap)
            output[0, head, index] = scores.softmax(0) @ seen_values
    return output


def test_scores_are_bent_as_defined() -> None:
    query, key, value = tensors(7, 7)
    capped = soft_capped_attention(
        query, key, value, attn_mask=None, scale=SCALE, softcap=2.0, is_causal=True, enable_gqa=True
    )
    torch.testing.assert_close(capped, by_definition(query, key, value, cap=2.0))


@pytest.mark.parametrize("query_rows", [2, 256])
def test_under_a_cap_out_of_reach_it_is_torchs_own(query_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft_cap, "QUERY_ROWS", query_rows)
    query, key, value = tensors(5, 9)
    mask = torch.where(torch.rand(5, 9) < 0.5, float("-inf"), 0.0)
    mask[:, 0] = 0
    capped = soft_capped_attention(
        query, key, value, attn_mask=mask, scale=SCALE, softcap=1e6, enable_gqa=True
    )
    plain = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=SCALE, enable_gqa=True)
    torch.testing.assert_close(capped, plain, atol=1e-4, rtol=1e-4)


def test_one_mask_row_serves_all_queries_of_a_sequence() -> None:
    query, key, value = (tensor.repeat(2, 1, 1, 1) for tensor in tensors(3, 9))
    mask = torch.zeros(2, 1, 1, 9)
    mask[1, ..., 4:] = float("-inf")
    capped = soft_capped_attention(query[:, :2], key, value, attn_mask=mask, scale=SCALE, softcap=2.0)
    alone = soft_capped_attention(
        query[1:, :2], key[1:, :, :4], value[1:, :, :4], attn_mask=mask[1:, ..., :4], scale=SCALE, softcap=2.0
    )
    torch.testing.assert_close(capped[1:], alone)


def test_half_precision_comes_back_as_it_was_and_is_computed_in_float32() -> None:
    query, key, value = (tensor.bfloat16() for tensor in tensors(6, 6))
    options = {"attn_mask": None, "scale": SCALE, "softcap": 2.0, "is_causal": True, "enable_gqa": True}
    half = soft_capped_attention(query, key, value, **options)  # type: ignore[arg-type]
    full = soft_capped_attention(query.float(), key.float(), value.float(), **options)  # type: ignore[arg-type]
    assert half.dtype is torch.bfloat16
    assert torch.equal(half, full.bfloat16())
