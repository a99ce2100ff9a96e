"""From settings to the parts of an engine: the one place where they are put together."""

from dataclasses import dataclass

import torch

from engine.blocks import BlockPool
from engine.config import EngineConfig
from engine.encoders.sentence import sentence_settings
from engine.errors import ModelError
from engine.first_step import check_first_step
from engine.heads import Head
from engine.intake import Intake, Limits
from engine.kv_cache import KVCache, KVShape
from engine.lane_pass import LanePass
from engine.lanes import Lanes
from engine.loading import kv_shape, load_model, make_decoder, pick_device, pick_dtype, pick_quantization
from engine.memory import default_kv_cache_bytes
from engine.models import ResolvedModel, fingerprint
from engine.runner import ModelRunner
from engine.scheduler import Scheduler
from engine.tokenizer import Tokenizer

# Where more tokens in a step stop paying: the matrix products are as fast as they get.
DEFAULT_BATCH_TOKENS = {"cpu": 512, "cuda": 8192}


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    tokenizer: Tokenizer
    intake: Intake
    scheduler: Scheduler
    runner: ModelRunner
    limits: Limits
    fingerprint: str


def assemble(config: EngineConfig, resolved: ResolvedModel) -> Parts:
    """Load the model and reserve its KV memory; raises ModelError."""
    tokenizer = Tokenizer(resolved.path)
    sentence = sentence_settings(resolved.path)
    device = pick_device(config)
    dtype = pick_dtype(config, device)
    model = load_model(resolved, dtype, device)
    quantization = pick_quantization(config, resolved, dtype)
    model_len = _wanted_model_len(config, model.config.max_position_embeddings)
    shape = kv_shape(model, dtype)
    num_blocks = _num_blocks(config, shape, model_len, device)
    max_kv_tokens = num_blocks * config.block_tokens
    limits = Limits(
        max_model_len=_fitting_model_len(config, model_len, max_kv_tokens, shape),
        max_kv_tokens=max_kv_tokens,
        vocab_size=model.config.vocab_size,
        num_layers=shape.num_layers,
    )
    kv_cache = _reserve(config, shape, num_blocks, device)
    runner = ModelRunner(
        LanePass(make_decoder(model, quantization), Head(model), kv_cache, dtype, device),
        Lanes(torch.get_num_threads() if device.type == "cpu" else 1),
        config.block_tokens,
    )
    check_first_step(runner, limits.vocab_size, str(resolved.path))
    return Parts(
        tokenizer=tokenizer,
        intake=Intake(tokenizer, limits, sentence),
        scheduler=Scheduler(
            BlockPool(num_blocks),
            block_tokens=config.block_tokens,
            max_batch_tokens=config.max_batch_tokens or DEFAULT_BATCH_TOKENS[device.type],
            max_sequences=config.max_sequences,
        ),
        runner=runner,
        limits=limits,
        fingerprint=fingerprint(resolved, f"{str(dtype).removeprefix('torch.')}/{quantization}"),
    )


def _wanted_model_len(config: EngineConfig, model_len: int) -> int:
    if config.max_model_len is not None and config.max_model_len > model_len:
        raise ModelError(
            f"max_model_len={config.max_model_len}: the model goes to {model_len} tokens at most"
        )
    return config.max_model_len or model_len


def _num_blocks(config: EngineConfig, shape: KVShape, model_len: int, device: torch.device) -> int:
    block_bytes = config.block_tokens * shape.bytes_per_token
    if config.kv_cache_bytes is None:
        most = config.max_sequences * -(-model_len // config.block_tokens)
        num_blocks = min(default_kv_cache_bytes(device) // block_bytes, most)
    else:
        num_blocks = config.kv_cache_bytes // block_bytes
    if num_blocks == 0:
        raise ModelError(
            f"{_kv_memory(config)} has no room for one block of {config.block_tokens} tokens: "
            f"make it {block_bytes} bytes or more"
        )
    return num_blocks


def _reserve(config: EngineConfig, shape: KVShape, num_blocks: int, device: torch.device) -> KVCache:
    try:
        return KVCache(shape, num_blocks, config.block_tokens, device)
    except (RuntimeError, MemoryError) as error:  # torch has no type of its own for memory that is not there
        raise ModelError(f"{_kv_memory(config)} cannot be had: {error}; make it smaller") from error


def _fitting_model_len(config: EngineConfig, model_len: int, max_kv_tokens: int, shape: KVShape) -> int:
    if config.max_model_len is not None and config.max_model_len > max_kv_tokens:
        num_blocks = -(-config.max_model_len // config.block_tokens)
        raise ModelError(
            f"max_model_len={config.max_model_len}: {_kv_memory(config)} holds {max_kv_tokens} tokens; set "
            "max_model_len lower, or give KV "
            f"{num_blocks * config.block_tokens * shape.bytes_per_token} bytes or more"
        )
    return min(model_len, max_kv_tokens)


def _kv_memory(config: EngineConfig) -> str:
    if config.kv_cache_bytes is None:
        return "the KV cache's share of the memory that is free"
    return f"kv_cache_bytes={config.kv_cache_bytes}"
