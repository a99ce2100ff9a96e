"""An engine's parts on an NVIDIA GPU."""

import logging
import time
from typing import Any

import torch
import triton

from engine.backend import GraphCounts, StepSizes
from engine.errors import ModelError, is_out_of_memory, raise_if_device_lost
from engine.first_step import check_first_step
from engine.gpu.buckets import Buckets
from engine.gpu.device import Device
from engine.gpu.head_shape import HeadShape
from engine.gpu.made_up_steps import first_steps, largest_step
from engine.gpu.memory_budget import kv_budget_bytes
from engine.gpu.paged_attention import PagedAttention
from engine.gpu.runner import GpuModel, GpuRunner
from engine.heads import Head
from engine.kv_cache import KVCache, KVShape
from engine.loading import has_experts, make_gpu_decoder

logger = logging.getLogger(__name__)
# Compute capabilities on which torch multiplies experts by one kernel, in bfloat16 alone; elsewhere it loops
# over them on the host (https://github.com/pytorch/pytorch/pull/162059).
GROUPED_PRODUCTS = (9, 10)


class GpuBackend:
    """As `Backend`; `name` is the model's, for messages, `memory_fraction` what all of it may take."""

    def __init__(
        self,
        model: Any,
        kv_shape: KVShape,
        device: Device,
        memory_fraction: float,
        name: str,
        cuda_graphs: bool = True,
    ) -> None:
        config = model.config
        self.graph_counts: GraphCounts | None = None
        self._name = name
        self._dtype: torch.dtype = model.dtype
        self._device = device
        self._memory_fraction = memory_fraction
        self._kv_shape = kv_shape
        self._heads = HeadShape(
            config.num_attention_heads, kv_shape.num_kv_heads, kv_shape.head_dim, self._dtype.itemsize
        )
        self._wants_graphs = cuda_graphs
        self._can_capture = not has_experts(config) or _has_grouped_products(self._dtype, device)
        self._model = GpuModel(make_gpu_decoder(model), Head(model), config.vocab_size)

    def default_kv_cache_bytes(self, sizes: StepSizes, max_model_len: int) -> int:
        """What is left after a step of the largest size has been computed."""
        self._compute_largest_step(sizes, max_model_len)
        least = sizes.block_tokens * self._kv_shape.bytes_per_token
        return kv_budget_bytes(self._device.memory(), self._memory_fraction, least)

    def _compute_largest_step(self, sizes: StepSizes, max_model_len: int) -> None:
        kv_cache = KVCache(self._kv_shape, 1, sizes.block_tokens, self._device.torch_device)
        runner = self._make_checked(kv_cache, sizes, max_model_len)
        chunks = largest_step(sizes.max_sequences, sizes.max_batch_tokens, max_model_len, sizes.block_tokens)
        self._device.reset_peak()
        try:
            runner.launch(chunks).results()
        except Exception as error:
            raise_if_device_lost(error)
            if not is_out_of_memory(error):
                raise
            num_tokens = sum(chunk.num_tokens for chunk in chunks)
            raise ModelError(
                f"no memory for a step of {num_tokens} tokens beside the model: set max_batch_tokens or "
                f"max_sequences lower ({error})"
            ) from error

    def make_runner(self, kv_cache: KVCache, sizes: StepSizes, max_model_len: int) -> GpuRunner:
        """As `Backend.make_runner`; captures its graphs."""
        self._device.reset_peak()  # what was measured with is given back
        runner = self._make_checked(kv_cache, sizes, max_model_len)
        if not triton.knobs.runtime.interpret:
            self._compile(runner, sizes, max_model_len)
        if self._wants_graphs and self._can_capture:
            runner.capture_graphs()
        elif self._wants_graphs:
            logger.info(
                "no CUDA graphs: in this dtype, and on this GPU, products of experts wait for the device"
            )
        self.graph_counts = runner.graph_counts = GraphCounts()
        return runner

    def _compile(self, runner: GpuRunner, sizes: StepSizes, max_model_len: int) -> None:
        """Have kernels compiled now that otherwise were under the first requests."""
        started_s = time.perf_counter()
        most = min(sizes.max_batch_tokens, max_model_len)
        for chunks in first_steps(self._heads, most, sizes.block_tokens):
            runner.launch(chunks).results()
        logger.info("compiled kernels for prompts of all lengths: %.1f s", time.perf_counter() - started_s)

    def _make_checked(self, kv_cache: KVCache, sizes: StepSizes, max_model_len: int) -> GpuRunner:
        buckets = Buckets.up_to(sizes.max_sequences)
        attention = PagedAttention(
            kv_cache, self._heads, buckets, max_model_len, self._device.num_multiprocessors
        )
        runner = GpuRunner(self._device, self._model, attention, sizes.max_sequences, buckets, max_model_len)
        check_first_step(runner, self._model.vocab_size, self._name)
        return runner


def _has_grouped_products(dtype: torch.dtype, device: Device) -> bool:
    return dtype is torch.bfloat16 and device.capability[0] in GROUPED_PRODUCTS
