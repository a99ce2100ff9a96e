"""Several arrays in one run of bytes, so that one copy brings them all to the device. Imports no torch."""

from collections.abc import Collection
from collections.abc import Sequence as Seq
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNMENT_BYTES = 16  # of which kernels that were compiled for aligned arrays rely on

AnyArray = npt.NDArray[Any]


def offsets_of(arrays: Collection[AnyArray]) -> tuple[list[int], int]:
    """Where each array begins, aligned, and how many bytes they take in all."""
    offsets, end = [], 0
    for array in arrays:
        offsets.append(end)
        end += -(-array.nbytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return offsets, end


def pack(arrays: Collection[AnyArray], offsets: Seq[int], target: npt.NDArray[np.uint8]) -> None:
    """Put each array's bytes where it begins."""
    for array, offset in zip(arrays, offsets, strict=True):
        target[offset : offset + array.nbytes].view(array.dtype)[:] = array.ravel()
