"""An error after which a process can't use its device again is told from one that a smaller step survives."""

import pickle

import pytest
import torch

from engine import DeviceLost, ModelError
from engine.errors import is_device_lost, is_out_of_memory

TORCH_SAYS = (
    "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below "
    "might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\nCompile with "
    "`TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
LOST = [
    torch.AcceleratorError(f"CUDA error: an illegal memory access was encountered\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: device-side assert triggered\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: unspecified launch failure\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: misaligned address\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: uncorrectable ECC error encountered\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: the launch timed out and was terminated\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: unknown error\n{TORCH_SAYS}"),
    RuntimeError("CUDA error: no CUDA-capable device is detected"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`"),
    RuntimeError("CUDA driver error: an illegal instruction was encountered"),
    RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    DeviceLost("the device was lost"),
]
OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of"),
    torch.AcceleratorError(f"CUDA error: out of memory\n{TORCH_SAYS}"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
]
OTHERS = [
    torch.AcceleratorError(f"CUDA error: invalid argument\n{TORCH_SAYS}"),
    torch.AcceleratorError(f"CUDA error: invalid configuration argument\n{TORCH_SAYS}"),
    RuntimeError("CUDA error: operation not permitted when stream is capturing"),
    RuntimeError("Triton Error [CUDA]: invalid argument"),
    RuntimeError("a row said: misaligned address"),
    ValueError("CUDA error: an illegal memory access was encountered"),
    IndexError("index out of range in self"),
]


@pytest.mark.parametrize("error", LOST, ids=str)
def test_after_a_sticky_error_the_device_is_lost(error: Exception) -> None:
    assert is_device_lost(error)
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_memory_that_ran_out_on_a_device_is_known_as_such_and_loses_none(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_device_lost(error)


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_an_error_that_the_next_step_may_survive_is_neither(error: Exception) -> None:
    assert not is_out_of_memory(error)
    assert not is_device_lost(error)


def test_what_an_error_was_raised_from_counts() -> None:
    error = ModelError("cannot compute a token")
    assert not is_device_lost(error)
    error.__cause__ = LOST[0]
    assert is_device_lost(error)


def test_a_lost_device_can_be_told_over_a_pipe() -> None:
    error = pickle.loads(pickle.dumps(DeviceLost("CUDA error: misaligned address")))
    assert (type(error), error.code, str(error)) == (
        DeviceLost,
        "device_lost",
        "CUDA error: misaligned address",
    )
