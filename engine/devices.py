"""Which device a model runs on: what may be asked for, and what is had. Imports no torch."""

import re

from engine.errors import ModelError

ALLOWED = "auto, cpu, cuda, or cuda:N, which counts from 0"
_NAME = re.compile(r"auto|cpu|cuda(:(0|[1-9][0-9]{0,3}))?", re.ASCII)


def checked(device: object) -> str:
    """The name as given; raises ValueError for what is none."""
    if not isinstance(device, str) or not _NAME.fullmatch(device):
        raise ValueError(f"device={device!r}: use {ALLOWED}")
    return device


def choose(asked: str, num_cuda_devices: int, torch_build: str = "") -> str:
    """`cpu`, or a CUDA device by its number; raises ModelError for one that is not there.

    `torch_build` is the version of a torch that has no CUDA, for the message.
    """
    if asked == "auto":
        return "cuda:0" if num_cuda_devices else "cpu"
    if asked == "cpu":
        return asked
    if not num_cuda_devices:
        why = (
            f"this torch ({torch_build}) is built without CUDA"
            if torch_build
            else "torch sees no CUDA device"
        )
        raise ModelError(f"device={asked!r}: {why}; use 'cpu' or 'auto'")
    number = int(asked.partition(":")[2] or 0)
    if number >= num_cuda_devices:
        raise ModelError(f"device={asked!r}: torch sees {_seen(num_cuda_devices)}")
    return f"cuda:{number}"


def _seen(num_cuda_devices: int) -> str:
    if num_cuda_devices == 1:
        return "one CUDA device; use 'cuda:0'"
    return f"{num_cuda_devices} CUDA devices; use 'cuda:0' to 'cuda:{num_cuda_devices - 1}'"
