"""Weights from the host onto a device, one after the other."""

import logging
import time
from collections.abc import Callable
from typing import Any

import torch
from tqdm import tqdm

from engine.errors import ModelError
from engine.weight_memory import gib

logger = logging.getLogger(__name__)

_LOG_INTERVAL_S = 5.0


class Progress:
    """A bar on a terminal; elsewhere a line in the log every few seconds, so that a small model gets none."""

    def __init__(self, total_bytes: int, device: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._total_bytes = total_bytes
        self._device = device
        self._clock = clock
        self._done_bytes = 0
        self._told_at_s = clock()
        # None: only where the error stream is a terminal.
        self._bar = tqdm(
            total=total_bytes,
            desc=f"weights onto {device}",
            unit="B",
            unit_scale=True,
            disable=None,
            leave=False,
        )

    def add(self, num_bytes: int) -> None:
        """So much more is on the device."""
        self._done_bytes += num_bytes
        self._bar.update(num_bytes)
        if self._bar.disable and self._clock() - self._told_at_s >= _LOG_INTERVAL_S:
            self._told_at_s = self._clock()
            done, total = gib(self._done_bytes), gib(self._total_bytes)
            logger.info("%s of %s of weights are on %s", done, total, self._device)

    def close(self) -> None:
        self._bar.close()


def put_onto(
    model: Any, device: torch.device, dtype: torch.dtype, add: Callable[[int], None] = lambda _: None
) -> None:
    """Move a transformers model's weights to a device, as `dtype`; `add` is told the bytes of each.

    Loaded weights are views of files that are mapped into memory. A file goes when the last of its weights
    has been moved, so the host holds the pages of the file that is being read, and no copy.
    Buffers keep their dtype: frequencies of positions are float32 whatever the weights are.

    Raises ModelError where the device has no room.
    """
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            num_bytes = parameter.nbytes
            # Weights that are tied are one parameter: the second time it is there already.
            is_new = parameter.device != device or parameter.dtype != dtype
            parameter.data = _moved(parameter.data, device, dtype)
            add(num_bytes if is_new else 0)
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, _moved(buffer, device, buffer.dtype))


def put_onto_with_progress(model: Any, device: torch.device, dtype: torch.dtype) -> None:
    """The same, and people see how far it is. Raises ModelError where the device has no room."""
    progress = Progress(sum(weight.nbytes for weight in model.parameters()), str(device))
    try:
        put_onto(model, device, dtype, progress.add)
    finally:
        progress.close()
    torch.cuda.empty_cache()  # what was cast there: KV is given what is free


def _moved(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    try:
        return tensor.to(device).to(dtype)  # in one call it would be cast on the host
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"the weights do not fit into the memory that is free on {device}: {error}; end what else runs "
            "there, or use a smaller model"
        ) from error
