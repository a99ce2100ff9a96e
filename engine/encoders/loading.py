"""Weights into an encoder as transformers has it."""

from collections.abc import Iterable
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
from transformers.utils import logging

from engine import weight_checks, weight_values
from engine.config import Quantization
from engine.encoders import families
from engine.errors import ModelError
from engine.loading import cannot_load, host_dtype, on_device, refuse, refuse_stored
from engine.models import ResolvedModel, stored_weights
from engine.packed_linear import has_onednn, pack_linears

# What a model without labels would say of a text as a whole. Sentence encoders pool hidden states instead,
# and are saved with this untrained, or without it.
_UNUSED = "pooler."


def load_encoder(
    resolved: ResolvedModel, dtype: torch.dtype, device: torch.device, quantization: Quantization
) -> Any:
    """The model, its linear layers laid out for the CPU where it runs on one; raises ModelError."""
    model = on_device(_load(resolved, dtype, device), dtype, device)
    refuse(str(resolved.path), weight_values.problems(model.named_parameters()))
    if device.type == "cpu" and dtype is torch.float32 and has_onednn():
        pack_linears(model, fp16=quantization == "fp16")
    return model


def _load(resolved: ResolvedModel, dtype: torch.dtype, device: torch.device) -> Any:
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(resolved.path, local_files_only=True, trust_remote_code=False)
        refuse(repr(resolved.name), families.problems(config))
        stored = stored_weights(resolved.path)
        refuse_stored(resolved, stored, dtype, device)
        tells_labels = families.tells_labels(config.architectures)
        kind = AutoModelForSequenceClassification if tells_labels else AutoModel
        model, info = kind.from_pretrained(
            resolved.path,
            config=config,
            dtype=host_dtype(stored, dtype, device),
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
    refuse(str(resolved.path), weight_checks.problems(info if tells_labels else _without_unused(info)))
    return model


def _without_unused(info: dict[str, Iterable[Any]]) -> dict[str, Iterable[Any]]:
    missing, unexpected = (
        [name for name in info[key] if not name.startswith(_UNUSED)]
        for key in ("missing_keys", "unexpected_keys")
    )
    return info | {"missing_keys": missing, "unexpected_keys": unexpected}
