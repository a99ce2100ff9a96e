"""From the host to the device without waiting for what the device does."""

from collections.abc import Sequence as Seq

import torch


def upload(numbers: Seq[float] | Seq[Seq[float]], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """A tensor of these numbers on the device."""
    return to_device(torch.tensor(numbers, dtype=dtype), device)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A host's tensor on the device.

    A copy from memory that is not pinned makes the host wait until the device has done all before it
    (https://docs.nvidia.com/cuda/cuda-runtime-api/api-sync-behavior.html).
    """
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
