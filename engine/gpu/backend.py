"""An engine's parts on an NVIDIA GPU."""

from typing import Any

from engine.backend import StepSizes
from engine.first_step import check_first_step
from engine.gpu.buckets import Buckets
from engine.gpu.device import Device
from engine.gpu.head_shape import HeadShape
from engine.gpu.largest_step import largest_step
from engine.gpu.memory_budget import kv_budget_bytes
from engine.gpu.paged_attention import PagedAttention
from engine.gpu.runner import GpuModel, GpuRunner
from engine.heads import Head
from engine.kv_cache import KVCache, KVShape
from engine.loading import make_gpu_decoder


class GpuBackend:
    """As `Backend`; `name` is the model's, for messages, `memory_fraction` what all of it may take."""

    def __init__(
        self, model: Any, kv_shape: KVShape, device: Device, memory_fraction: float, name: str
    ) -> None:
        config = model.config
        self._name = name
        self._device = device
        self._memory_fraction = memory_fraction
        self._kv_shape = kv_shape
        self._heads = HeadShape(
            config.num_attention_heads, kv_shape.num_kv_heads, kv_shape.head_dim, model.dtype.itemsize
        )
        self._model = GpuModel(make_gpu_decoder(model), Head(model), config.vocab_size)

    def default_kv_cache_bytes(self, sizes: StepSizes, max_model_len: int) -> int:
        """What is left after a step of the largest size has been computed."""
        kv_cache = KVCache(self._kv_shape, 1, sizes.block_tokens, self._device.torch_device)
        runner = self._make_checked(kv_cache, sizes, max_model_len)
        self._device.reset_peak()
        chunks = largest_step(sizes.max_sequences, sizes.max_batch_tokens, max_model_len, sizes.block_tokens)
        runner.launch(chunks).results()
        memory = self._device.memory()
        least = sizes.block_tokens * self._kv_shape.bytes_per_token
        return kv_budget_bytes(memory, self._memory_fraction, least)

    def make_runner(self, kv_cache: KVCache, sizes: StepSizes, max_model_len: int) -> GpuRunner:
        """As `Backend.make_runner`; captures its graphs."""
        self._device.reset_peak()  # what was measured with is given back
        runner = self._make_checked(kv_cache, sizes, max_model_len)
        runner.capture_graphs()
        return runner

    def _make_checked(self, kv_cache: KVCache, sizes: StepSizes, max_model_len: int) -> GpuRunner:
        buckets = Buckets.up_to(sizes.max_sequences)
        attention = PagedAttention(
            kv_cache, self._heads, buckets, max_model_len, self._device.num_multiprocessors
        )
        runner = GpuRunner(self._device, self._model, attention, sizes.max_sequences, buckets, max_model_len)
        check_first_step(runner, self._model.vocab_size, self._name)
        return runner
