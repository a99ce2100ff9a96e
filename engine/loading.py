"""Weights into a transformers model that attends through our paged KV."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from engine import devices, families, weight_checks, weight_memory, weight_values
from engine.attention import ATTENTION_NAME, planned_attention
from engine.config import EngineConfig, Quantization
from engine.decoder import Decoder, Plan, TransformersDecoder
from engine.errors import ModelError
from engine.fused_families import can_fuse
from engine.kv_cache import KVShape
from engine.lane_pass import CpuDecoder
from engine.memory import device_memory_bytes
from engine.models import ResolvedModel, StoredWeight, stored_dtypes, stored_weights
from engine.onto_device import put_onto_with_progress
from engine.packed_linear import has_fp16, has_onednn, pack_linears

STORED_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}
# One product for each expert's rows. Of transformers' other ways, "batched_mm" copies an expert's weights for
# every row, and the loop of "eager" waits for the device at every expert.
EXPERTS = "grouped_mm"


def pick_device(config: EngineConfig) -> torch.device:
    """The device asked for; raises ModelError where it is not to be had."""
    num_cuda_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    torch_build = "" if torch.version.cuda else torch.__version__
    return torch.device(devices.choose(config.device, num_cuda_devices, torch_build))


def pick_dtype(config: EngineConfig, device: torch.device) -> torch.dtype:
    """float32 on a CPU, which is slow with less, bfloat16 on CUDA, unless a dtype is asked for."""
    by_name = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    return by_name.get(config.dtype, torch.bfloat16 if device.type == "cuda" else torch.float32)


def pick_quantization(config: EngineConfig, resolved: ResolvedModel, dtype: torch.dtype) -> Quantization:
    """float16 weights on a CPU that multiplies by them, where they are stored so or it is asked for.

    Not where they are stored as bfloat16: float16 has less range, and rounds small ones further.

    Raises ModelError where they are asked for and not to be had.
    """
    possible = pick_device(config).type == "cpu" and dtype is torch.float32 and has_onednn() and has_fp16()
    if config.quantization == "fp16" and not possible:
        raise ModelError(
            "quantization='fp16' needs device='cpu', dtype='float32' and a CPU with AVX2; use 'auto'"
        )
    if config.quantization == "auto":
        return "fp16" if possible and set(stored_dtypes(resolved.path).values()) == {"F16"} else "none"
    return config.quantization


def load_model(resolved: ResolvedModel, dtype: torch.dtype, device: torch.device) -> Any:
    """The model as transformers has it, with our attention in it; raises ModelError."""
    AttentionInterface.register(ATTENTION_NAME, planned_attention)
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(resolved.path, local_files_only=True, trust_remote_code=False)
        refuse(repr(resolved.name), families.problems(config))
        stored = stored_weights(resolved.path)
        refuse_stored(resolved, stored, dtype, device)
        model, info = AutoModelForCausalLM.from_pretrained(
            resolved.path,
            config=config,
            dtype=host_dtype(stored, dtype, device),
            attn_implementation=ATTENTION_NAME,
            **_experts_options(config),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are in the info, and refused below by name
        )
    except ModelError:
        raise
    except Exception as error:  # files of other people's making fail in every way there is
        raise cannot_load(resolved, error) from error
    refuse(str(resolved.path), weight_checks.problems(info))
    model = on_device(model, dtype, device)
    refuse(str(resolved.path), weight_values.problems(model.named_parameters()))
    return model


def refuse_stored(
    resolved: ResolvedModel, stored: dict[str, StoredWeight], dtype: torch.dtype, device: torch.device
) -> None:
    """Raise a ModelError for weights that are no plain numbers, or do not fit the device."""
    dtypes = {name: weight.dtype for name, weight in stored.items()}
    refuse(str(resolved.path), weight_checks.dtype_problems(dtypes))
    num_values = sum(weight.num_values for weight in stored.values())
    device_bytes = device_memory_bytes(device)
    refuse(repr(resolved.name), weight_memory.problems(num_values, dtype.itemsize, str(device), device_bytes))


def host_dtype(stored: dict[str, StoredWeight], dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """What weights are to be on the host, if only for a moment.

    As they are stored they are views of files that are mapped into memory; as anything else, copies.
    """
    dtypes = {weight.dtype for weight in stored.values()}
    if device.type == "cpu" or len(dtypes) != 1:
        return dtype
    return STORED_DTYPES[dtypes.pop()]


def on_device(model: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """A loaded model, its weights where they are computed with, and ready for that."""
    if device.type != "cpu":
        put_onto_with_progress(model, device, dtype)
        model.config.dtype = dtype  # transformers took the host's
    return model.eval()


def cannot_load(resolved: ResolvedModel, error: Exception) -> ModelError:
    """What is said of files that make no model."""
    return ModelError(
        f"cannot load {resolved.name!r} from {resolved.path}: {error}; "
        "give a folder as save_pretrained writes it, with all its files whole"
    )


def make_decoder(model: Any, quantization: Quantization) -> CpuDecoder:
    """What computes a model's layers; lays its linear layers out for the CPU where it runs on one."""
    fp16 = quantization == "fp16"
    packs = model.device.type == "cpu" and model.dtype is torch.float32 and has_onednn()
    decoder: CpuDecoder
    if packs and can_fuse(model.config) and find_spec("numba"):
        from engine.fused_decoder import FusedDecoder

        decoder = FusedDecoder(model, fp16)
        del model.base_model.layers  # it has copies of its own
    else:
        decoder = TransformersDecoder(model)
    if packs:
        pack_linears(model, fp16)
    return decoder


def make_gpu_decoder(model: Any) -> Decoder[Plan]:
    """What computes a model's layers on a GPU, and has taken their weights over."""
    if can_fuse(model.config) and find_spec("triton"):
        from engine.gpu.fused_decoder import FusedDecoder

        decoder = FusedDecoder(model)
        del model.base_model.layers  # nothing is left in them
        return decoder
    return TransformersDecoder(model)


def refuse(name: str, problems: Iterator[str]) -> None:
    """Raise the first problem as a ModelError, if there is one."""
    if problem := next(problems, None):
        raise ModelError(f"{name} {problem}")


def _experts_options(config: Any) -> dict[str, str]:
    """transformers refuses the argument for a model without experts."""
    return {"experts_implementation": EXPERTS} if has_experts(config) else {}


def has_experts(config: Any) -> bool:
    """Whether only some of a layer's weights compute a token."""
    return hasattr(config, "num_experts_per_tok")


def kv_shape(model: Any, dtype: torch.dtype) -> KVShape:
    """What the model's layers keep of a token."""
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return KVShape(config.num_hidden_layers, config.num_key_value_heads, head_dim, dtype)
