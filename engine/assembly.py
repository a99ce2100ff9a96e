"""From settings to the parts of an engine: the one place where they are put together."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch

from engine.backend import Backend, GraphCounts, StepSizes
from engine.blocks import BlockPool
from engine.config import EngineConfig, Quantization
from engine.cpu_backend import CpuBackend
from engine.encoders.sentence import sentence_settings
from engine.errors import ModelError
from engine.intake import Intake, Limits
from engine.kv_cache import KVCache, KVShape
from engine.kv_sizing import KVSize, fitting_model_len, kv_memory, kv_size, wanted_model_len
from engine.loading import kv_shape, load_model, pick_device, pick_dtype, pick_quantization
from engine.models import ResolvedModel, fingerprint
from engine.protocols import Runner
from engine.scheduler import Scheduler
from engine.tokenizer import Tokenizer

if TYPE_CHECKING:
    from engine.gpu.device import Device

# Where more tokens in a step stop paying: the matrix products are as fast as they get.
DEFAULT_BATCH_TOKENS = {"cpu": 512, "cuda": 8192}
# A GPU's kernels read a block's number for each 16 keys, which is half the numbers and as wide as a row of a
# tensor core's tile; what blocks of 8 share more of a prompt is copied instead.
DEFAULT_BLOCK_TOKENS = {"cpu": 8, "cuda": 16}


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    tokenizer: Tokenizer
    intake: Intake
    scheduler: Scheduler
    runner: Runner
    graph_counts: GraphCounts
    limits: Limits
    runs_on: str
    fingerprint: str


def assemble(config: EngineConfig, resolved: ResolvedModel, gpu: "Device | None" = None) -> Parts:
    """Load the model and reserve its KV memory; raises ModelError.

    `gpu` is a device to use as one; None for CUDA's own, if the settings say so.
    """
    tokenizer = Tokenizer(resolved.path)
    sentence = sentence_settings(resolved.path)
    device = pick_device(config)
    dtype = pick_dtype(config, device)
    quantization = pick_quantization(config, resolved, dtype)
    kind = "cpu" if gpu is None and device.type == "cpu" else "cuda"
    kv_dtype = _kv_dtype(config, dtype, kind)
    _refuse_without_triton(kind)
    model = load_model(resolved, dtype, device)
    shape = kv_shape(model, kv_dtype)
    backend = _backend(config, resolved, model, shape, quantization, gpu)
    sizes = StepSizes(
        config.max_batch_tokens or DEFAULT_BATCH_TOKENS[kind],
        config.max_sequences,
        config.block_tokens or DEFAULT_BLOCK_TOKENS[kind],
    )
    wanted_len = wanted_model_len(config, model.config.max_position_embeddings)
    size = _kv_size(config, backend, sizes, wanted_len, shape)
    limits = Limits(
        max_model_len=fitting_model_len(config, wanted_len, size),
        max_kv_tokens=size.num_tokens,
        vocab_size=model.config.vocab_size,
        num_layers=shape.num_layers,
    )
    runner = backend.make_runner(_reserve(config, shape, size, device), sizes, limits.max_model_len)
    precision = f"{str(dtype).removeprefix('torch.')}/{quantization}"
    precision += "" if kv_dtype == dtype else "/fp8"
    return Parts(
        tokenizer=tokenizer,
        intake=Intake(tokenizer, limits, sentence),
        scheduler=Scheduler(
            BlockPool(size.num_blocks), sizes.block_tokens, sizes.max_batch_tokens, sizes.max_sequences
        ),
        runner=runner,
        graph_counts=backend.graph_counts or GraphCounts(),
        limits=limits,
        runs_on=f"{device} {precision}",
        fingerprint=fingerprint(resolved, precision),
    )


def _kv_dtype(config: EngineConfig, dtype: torch.dtype, kind: str) -> torch.dtype:
    if config.kv_dtype == "auto":
        return dtype
    if kind == "cpu":
        raise ModelError("kv_dtype='fp8': only a GPU's kernels read such keys and values; use 'auto'")
    return torch.float8_e4m3fn


def _refuse_without_triton(kind: str) -> None:
    if kind == "cuda" and find_spec("triton") is None:
        raise ModelError("a GPU's kernels need the package triton: install it, or use device='cpu'")


def _backend(
    config: EngineConfig,
    resolved: ResolvedModel,
    model: Any,
    shape: KVShape,
    quantization: Quantization,
    gpu: "Device | None",
) -> Backend:
    name = str(resolved.path)
    if gpu is None and model.device.type == "cpu":
        return CpuBackend(model, quantization, name)
    # Not before a GPU is to be used: they import triton.
    from engine.gpu.backend import GpuBackend
    from engine.gpu.cuda_device import CudaDevice

    device = gpu or CudaDevice(model.device)
    return GpuBackend(model, shape, device, config.gpu_memory_fraction, name, config.cuda_graphs)


def _kv_size(
    config: EngineConfig, backend: Backend, sizes: StepSizes, model_len: int, shape: KVShape
) -> KVSize:
    cache_bytes = config.kv_cache_bytes
    if cache_bytes is None:
        cache_bytes = backend.default_kv_cache_bytes(sizes, model_len)
    return kv_size(config, cache_bytes, model_len, sizes.block_tokens, shape.bytes_per_token)


def _reserve(config: EngineConfig, shape: KVShape, size: KVSize, device: torch.device) -> KVCache:
    try:
        return KVCache(shape, size.num_blocks, size.block_tokens, device)
    except (RuntimeError, MemoryError) as error:  # torch has no type of its own for memory that is not there
        raise ModelError(f"{kv_memory(config)} cannot be had: {error}; make it smaller") from error
