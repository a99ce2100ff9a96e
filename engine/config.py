"""The engine's settings."""

from dataclasses import dataclass
from typing import Literal, get_args

from engine import devices

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["auto", "none", "fp16"]
KVDtype = Literal["auto", "fp8"]
OPTIONAL_NUMBERS = ("kv_cache_bytes", "block_tokens", "max_batch_tokens", "max_model_len")
NUMBERS = ("max_sequences", *OPTIONAL_NUMBERS)
CHOICES = (("dtype", Dtype), ("quantization", Quantization), ("kv_dtype", KVDtype))
LARGEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How to load and run one model; a None is decided from the model and the device.

    `model` is an alias, a folder with safetensors, a GGUF file or a hub name. `device` is `auto`, `cpu`,
    `cuda` or `cuda:N`; one model runs on one device. `max_batch_tokens` is the most tokens computed in one
    step, `max_sequences` the most that run at a time, `max_model_len` the most tokens (prompt and output)
    of one sequence. `quantization` is for CPUs: "fp16" rounds the weights of linear layers to float16, for
    speed (those beyond its range to its ends); "auto" takes it where they are stored as float16, so that
    nothing is lost. `kv_dtype` is for GPUs: "fp8" (e4m3) halves what KV takes and rounds it, "auto" keeps the
    model's dtype. `cuda_graphs` are for a GPU's decode steps, much slower without them; a model that
    cannot be captured is refused while they are wanted. Of a GPU's memory, weights, steps and KV take no more
    than `gpu_memory_fraction`, and KV all that is left of it unless `kv_cache_bytes` says how much.
    Raises ValueError for settings that cannot be.
    """

    model: str = "smollm2-135m-instruct"
    device: str = "auto"
    dtype: Dtype = "auto"
    quantization: Quantization = "auto"
    kv_dtype: KVDtype = "auto"
    cuda_graphs: bool = True
    kv_cache_bytes: int | None = None
    gpu_memory_fraction: float = 0.9
    block_tokens: int | None = None
    max_batch_tokens: int | None = None
    max_sequences: int = 256
    max_model_len: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, str):
            raise ValueError(f"model={self.model!r}: use a text")
        devices.checked(self.device)
        for name, kind in CHOICES:
            if (given := getattr(self, name)) not in (allowed := get_args(kind)):
                raise ValueError(f"{name}={given!r}: use one of {', '.join(allowed)}")
        for name in NUMBERS:
            _check_number(name, getattr(self, name))
        _check_fraction("gpu_memory_fraction", self.gpu_memory_fraction)


def _check_number(name: str, given: object) -> None:
    if given is None and name in OPTIONAL_NUMBERS:
        return
    # A bool is an int to Python, and a mistake here.
    if type(given) is not int or not 1 <= given <= LARGEST_NUMBER:
        none = ", or None" if name in OPTIONAL_NUMBERS else ""
        raise ValueError(f"{name}={given!r}: use a whole number of 1 to {LARGEST_NUMBER}{none}")


def _check_fraction(name: str, given: object) -> None:
    if type(given) not in (int, float) or not 0 < given <= 1:  # type: ignore[operator]
        raise ValueError(f"{name}={given!r}: use a number above 0 and up to 1")
