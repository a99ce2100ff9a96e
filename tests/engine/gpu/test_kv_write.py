"""New keys and values land in their slots, and nothing else is touched."""

import pytest
import torch

from engine.gpu.kv_write import kv_write
from engine.gpu.paged_kv import FP8, PagedKV
from tests.engine.gpu.reference import DEVICE, heads_apart, ints, randn

SLOTS = [9, -1, 0, 15, 4, -3]


def cache_of(dtype: torch.dtype, num_kv_heads: int, head_dim: int, *scales: float) -> PagedKV:
    """Four blocks of four tokens, all ones."""
    keys, values = (torch.ones(4, 4, num_kv_heads, head_dim, device=DEVICE).to(dtype) for _ in range(2))
    return PagedKV(keys, values, *scales)


def new_heads(dtype: torch.dtype, num_kv_heads: int, head_dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values as slices of the same rows."""
    rows = randn(len(SLOTS), 2 * num_kv_heads, head_dim, dtype=dtype)
    return rows[:, :num_kv_heads], rows[:, num_kv_heads:]


def assert_written(cache: PagedKV, key: torch.Tensor, value: torch.Tensor) -> None:
    """Check each slot against what was to be written, in float64."""
    for stored, new in ((cache.keys, key), (cache.values, value)):
        expected = torch.ones(16, *new.shape[1:], dtype=torch.float64, device=DEVICE)
        for row, slot in enumerate(SLOTS):
            if slot >= 0:
                expected[slot] = new[row].double()
        assert torch.equal(stored.double().flatten(0, 1), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("num_kv_heads", "head_dim"), [(1, 64), (3, 80)])
def test_tokens_land_in_their_slots_and_padding_nowhere(
    dtype: torch.dtype, num_kv_heads: int, head_dim: int
) -> None:
    cache = cache_of(dtype, num_kv_heads, head_dim)
    key, value = new_heads(dtype, num_kv_heads, head_dim)
    kv_write(key, value, cache, ints(SLOTS, torch.int64))
    assert_written(cache, key, value)


def test_keys_may_lie_head_after_head() -> None:
    cache = cache_of(torch.float32, 3, 16)
    key, value = new_heads(torch.float32, 3, 16)
    kv_write(heads_apart(key), value, cache, ints(SLOTS, torch.int64))
    assert_written(cache, key, value)


def test_an_fp8_cache_holds_them_divided_by_its_scales() -> None:
    cache = cache_of(FP8, 2, 64, 0.5, 4.0)
    # Numbers that float8 has, so that only scales matter: the interpreter does not round as a GPU does.
    key, value = (heads.to(FP8).float() for heads in new_heads(torch.float32, 2, 64))
    kv_write(key * 0.5, value * 4, cache, ints(SLOTS, torch.int64))
    assert_written(cache, key, value)


def test_what_float8_cannot_hold_becomes_its_end() -> None:
    cache = cache_of(FP8, 1, 64, 0.5, 1.0)
    key, value = (torch.full((6, 1, 64), number, device=DEVICE) for number in (1e4, -1e4))
    kv_write(key, value, cache, ints(SLOTS, torch.int64))
    assert_written(cache, torch.full_like(key, 448), torch.full_like(value, -448))


@pytest.mark.skipif(DEVICE.type == "cpu", reason="needs a GPU: the interpreter rounds float8 in its own way")
def test_float8_is_rounded_to_the_nearest() -> None:
    cache = cache_of(FP8, 2, 64, 1.0, 1.0)
    key, value = new_heads(torch.float32, 2, 64)
    kv_write(key, value, cache, ints(SLOTS, torch.int64))
    assert_written(cache, key.to(FP8), value.to(FP8))


@pytest.mark.skipif(DEVICE.type == "cpu", reason="needs a GPU: the interpreter's float8 has no NaN")
def test_what_is_no_number_stays_none_in_float8() -> None:
    cache = cache_of(FP8, 1, 64, 1.0, 1.0)
    key = torch.full((6, 1, 64), float("nan"), device=DEVICE)
    kv_write(key, key, cache, ints(SLOTS, torch.int64))
    assert cache.keys.float().isnan().any()
