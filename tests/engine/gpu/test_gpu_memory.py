"""KV gets what is left of a GPU's memory, and an engine that has too little says what it would need."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import EngineConfig, ModelError
from engine.gpu.largest_step import largest_step
from engine.gpu.memory_budget import DeviceMemory, kv_budget_bytes
from engine.kv_sizing import fitting_model_len, kv_size, wanted_model_len
from tests.engine.gpu.engines import BLOCK_TOKENS, gpu_parts
from tests.engine.gpu.fake_device import FakeDevice
from tests.engine.gpu.reference import DEVICE
from tests.engine.tiny import MAX_LEN, kv_bytes_per_token, save_model

MIB = 1 << 20
MEMORY = DeviceMemory(total=1000 * MIB, free=700 * MIB, reserved=250 * MIB, peak_allocated=200 * MIB)
needs_no_gpu = pytest.mark.skipif(DEVICE.type != "cpu", reason="says itself how much memory there is")


@pytest.fixture(scope="module")
def model() -> Iterator[Path]:
    """A tiny one."""
    with TemporaryDirectory() as name:
        yield save_model("olmo2", Path(name))


def test_kv_gets_the_fraction_less_the_largest_step_and_what_others_use() -> None:
    assert MEMORY.others == 50 * MIB
    assert kv_budget_bytes(MEMORY, 0.9, least=1) == (900 - 200 - 50) * MIB


def test_too_little_is_refused_with_all_the_numbers() -> None:
    with pytest.raises(ModelError) as caught:
        kv_budget_bytes(MEMORY, 0.5, least=300 * MIB)
    for number in (0.5, 500 * MIB, 1000 * MIB, 200 * MIB, 50 * MIB, 250 * MIB, 300 * MIB):
        assert str(number) in str(caught.value)


@given(st.integers(1, 40), st.integers(1, 200), st.integers(1, 50), st.sampled_from([1, 4, 16]))
def test_the_largest_step_is_the_largest_that_can_be_scheduled(
    max_sequences: int, max_batch_tokens: int, max_model_len: int, block_tokens: int
) -> None:
    chunks = largest_step(max_sequences, max_batch_tokens, max_model_len, block_tokens)
    assert len(chunks) == min(max_sequences, max_batch_tokens)
    assert sum(chunk.num_tokens for chunk in chunks) == min(max_batch_tokens, len(chunks) * max_model_len)
    assert all(1 <= chunk.num_tokens <= max_model_len for chunk in chunks)
    assert all(chunk.gives_token and set(chunk.sequence.block_table) == {0} for chunk in chunks)
    assert all(len(chunk.sequence.block_table) * block_tokens >= chunk.end for chunk in chunks)


def sized(model: Path, memory: DeviceMemory, **settings: Any) -> int:
    """How many blocks an engine has on a device with this memory."""
    small = {"kv_cache_bytes": None, "max_sequences": 1, "max_batch_tokens": 6}
    return gpu_parts(model, FakeDevice(memory), **small | settings).scheduler.pool.num_blocks


@needs_no_gpu
def test_an_engine_takes_what_its_fraction_leaves(model: Path) -> None:
    block_bytes = BLOCK_TOKENS * kv_bytes_per_token("olmo2")
    memory = DeviceMemory(
        total=100 * block_bytes, free=90 * block_bytes, reserved=0, peak_allocated=20 * block_bytes
    )
    assert sized(model, memory, gpu_memory_fraction=0.5) == 50 - 10 - 20
    assert sized(model, memory, gpu_memory_fraction=0.4) == 40 - 10 - 20


@needs_no_gpu
def test_no_more_blocks_than_all_sequences_can_fill(model: Path) -> None:
    assert sized(model, MEMORY) == -(-MAX_LEN // BLOCK_TOKENS)


@needs_no_gpu
def test_a_device_without_room_for_a_block_is_refused(model: Path) -> None:
    with pytest.raises(ModelError, match=r"gpu_memory_fraction=0\.2 allows 200 of the device's 1000 bytes"):
        sized(model, DeviceMemory(1000, 1000, 0, 100), gpu_memory_fraction=0.2)


@needs_no_gpu
def test_a_largest_step_that_does_not_fit_is_refused(model: Path) -> None:
    class Full(FakeDevice):
        def reset_peak(self) -> None:
            self.upload = self.fail  # type: ignore[method-assign, assignment]

        def fail(self, *_: object) -> None:
            raise MemoryError("the device is full")

    small = {"kv_cache_bytes": None, "max_sequences": 1, "max_batch_tokens": 6}
    with pytest.raises(ModelError, match=r"no memory for a step of 6 tokens .* set max_batch_tokens"):
        gpu_parts(model, Full(), **small)


def test_a_sequence_is_never_longer_than_its_memory() -> None:
    config = EngineConfig(kv_cache_bytes=1000)
    size = kv_size(config, 1000, model_len=500, block_tokens=16, bytes_per_token=2)
    assert (size.num_blocks, size.num_tokens) == (31, 496)
    assert fitting_model_len(config, 500, size) == 496
    assert fitting_model_len(config, 400, size) == 400
    with pytest.raises(ModelError, match=r"max_model_len=500: .* holds 496 tokens; .* 1024 bytes or more"):
        fitting_model_len(EngineConfig(max_model_len=500, kv_cache_bytes=1000), 500, size)
    with pytest.raises(ModelError, match="make it 32 bytes or more"):
        kv_size(config, 31, model_len=500, block_tokens=16, bytes_per_token=2)
    with pytest.raises(ModelError, match="max_model_len=500: the model goes to 400 tokens"):
        wanted_model_len(EngineConfig(max_model_len=500), 400)


@pytest.mark.parametrize("fraction", [0, -0.5, 1.1, True, "0.9", None])
def test_a_fraction_of_nothing_or_of_more_than_all_is_refused(fraction: Any) -> None:
    with pytest.raises(ValueError, match=r"gpu_memory_fraction=.*above 0 and up to 1"):
        EngineConfig(gpu_memory_fraction=fraction)
    assert EngineConfig(gpu_memory_fraction=1).gpu_memory_fraction == 1
