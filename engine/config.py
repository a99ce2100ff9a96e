"""The engine's settings."""

from dataclasses import dataclass
from typing import Literal, get_args

Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["auto", "none", "fp16"]


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How to load and run one model; a None is decided from the model and the device.

    `model` is an alias, a folder with safetensors, a GGUF file or a hub name. `max_batch_tokens` is the
    most tokens computed in one step, `max_sequences` the most that run at a time, `max_model_len` the most
    tokens (prompt and output) of one sequence. `quantization` is for CPUs: "fp16" rounds the weights of
    linear layers to float16, for speed (those beyond its range to its ends); "auto" takes it where they are
    stored as float16, so that nothing is lost.
    Raises ValueError for settings that cannot be.
    """

    model: str = "smollm2-135m-instruct"
    device: Device = "auto"
    dtype: Dtype = "auto"
    quantization: Quantization = "auto"
    kv_cache_bytes: int | None = None
    block_tokens: int = 16
    max_batch_tokens: int | None = None
    max_sequences: int = 256
    max_model_len: int | None = None

    def __post_init__(self) -> None:
        for name, kind in (("device", Device), ("dtype", Dtype), ("quantization", Quantization)):
            if (given := getattr(self, name)) not in (allowed := get_args(kind)):
                raise ValueError(f"{name}={given!r}: use one of {', '.join(allowed)}")
        for name in ("kv_cache_bytes", "block_tokens", "max_batch_tokens", "max_sequences", "max_model_len"):
            if (given := getattr(self, name)) is not None and given < 1:
                raise ValueError(f"{name}={given}: use a whole number of at least 1")
