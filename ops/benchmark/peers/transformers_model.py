"""A model as transformers' own users load it: in float32 on the CPU unless the settings say otherwise."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM


def load_model(settings: dict[str, Any]) -> Any:
    """The model in `folder`, in its `dtype`, on its `device`."""
    dtype = getattr(torch, settings.get("dtype", "float32"))
    model = AutoModelForCausalLM.from_pretrained(settings["folder"], dtype=dtype)
    return model.to(settings.get("device", "cpu")).eval()
