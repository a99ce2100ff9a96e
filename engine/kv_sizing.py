"""How many blocks there are, and how long a sequence may be. Imports no torch."""

from dataclasses import dataclass

from engine.config import EngineConfig
from engine.errors import ModelError


@dataclass(frozen=True, slots=True)
class KVSize:
    """Blocks of so many tokens, each token taking so many bytes."""

    num_blocks: int
    block_tokens: int
    bytes_per_token: int

    @property
    def num_tokens(self) -> int:
        """What they hold."""
        return self.num_blocks * self.block_tokens


def wanted_model_len(config: EngineConfig, model_len: int) -> int:
    """The longest sequence that is asked for of a model that goes up to `model_len`; raises ModelError."""
    if config.max_model_len is not None and config.max_model_len > model_len:
        raise ModelError(
            f"max_model_len={config.max_model_len}: the model goes to {model_len} tokens at most"
        )
    return config.max_model_len or model_len


def kv_size(
    config: EngineConfig, cache_bytes: int, model_len: int, block_tokens: int, bytes_per_token: int
) -> KVSize:
    """The blocks that these bytes have room for, but by default no more than can ever be used.

    Raises ModelError where that is none.
    """
    block_bytes = block_tokens * bytes_per_token
    num_blocks = cache_bytes // block_bytes
    if config.kv_cache_bytes is None:
        num_blocks = min(num_blocks, config.max_sequences * -(-model_len // block_tokens))
    if num_blocks == 0:
        raise ModelError(
            f"{kv_memory(config)} has no room for one block of {block_tokens} tokens: "
            f"make it {block_bytes} bytes or more"
        )
    return KVSize(num_blocks, block_tokens, bytes_per_token)


def fitting_model_len(config: EngineConfig, model_len: int, size: KVSize) -> int:
    """The longest sequence that the blocks hold; raises ModelError if a longer one is asked for."""
    if config.max_model_len is not None and config.max_model_len > size.num_tokens:
        needed = -(-config.max_model_len // size.block_tokens) * size.block_tokens * size.bytes_per_token
        raise ModelError(
            f"max_model_len={config.max_model_len}: {kv_memory(config)} holds {size.num_tokens} tokens; set "
            f"max_model_len lower, or give KV {needed} bytes or more"
        )
    return min(model_len, size.num_tokens)


def kv_memory(config: EngineConfig) -> str:
    """What its size comes from, in messages."""
    if config.kv_cache_bytes is None:
        return "the KV cache's share of the memory that is free"
    return f"kv_cache_bytes={config.kv_cache_bytes}"
