"""What can go wrong in the engine, sorted by who can mend it; each with its `code`, which stays as it is.

EngineError               "step_failed"    a step failed under the request, which may be blameless: try again
|-- RequestError          "request"        the request: change it and send it again
|   `-- RequestTooLong    "too_long"       ... it is longer than the engine can hold
|-- OutOfMemory           "out_of_memory"  the memory beside the KV cache: make kv_cache_bytes smaller
|-- ModelError            "model"          the model or its settings: another model, other files, other memory
|-- EngineClosed          "closed"         nobody: the engine has been closed, or broke: start another
`-- DeviceLost            "device_lost"    nobody: its device failed, or a kernel on it: start another process

They hold a message and nothing else, so that they can be pickled.
"""

from typing import ClassVar

# torch is not imported here, and its allocators tell this in several ways.
_OUT_OF_MEMORY_TYPES = ("MemoryError", "OutOfMemoryError")
_OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")

# CUDA's words for errors after which every call of a process gives the same one, until it is started anew
# (cudaError_t in the runtime's manual). torch says them behind "CUDA error: ", triton behind
# "Triton Error [CUDA]: ".
_DEVICE_LOST_WORDS = (
    "an illegal memory access was encountered",
    "an illegal instruction was encountered",
    "misaligned address",
    "device-side assert triggered",
    "unspecified launch failure",
    "the launch timed out and was terminated",
    "hardware stack error",
    "invalid program counter",
    "operation not supported on global/shared address space",
    "context is destroyed",
    "uncorrectable ECC error encountered",
    "uncorrectable NVLink error detected",
    "Invalid access of peer GPU memory over nvlink or a hardware error",
    "CUDA-capable device(s) is/are busy or unavailable",
    "no CUDA-capable device is detected",
    "GPU is lost",
    "CUDA error: unknown error",
    "CUBLAS_STATUS_EXECUTION_FAILED",
)


class EngineError(Exception):
    """Anything the engine raises; by itself, a step that failed under a request."""

    code: ClassVar[str] = "step_failed"


class RequestError(EngineError):
    """The request cannot be served as it is."""

    code: ClassVar[str] = "request"


class RequestTooLong(RequestError):
    """Prompt, choices and output together exceed what one sequence may hold."""

    code: ClassVar[str] = "too_long"


class OutOfMemory(EngineError):
    """Not even one token of the request could be computed in the memory that is left beside the KV cache."""

    code: ClassVar[str] = "out_of_memory"


class ModelError(EngineError):
    """The model cannot be found, loaded or run here."""

    code: ClassVar[str] = "model"


class EngineClosed(EngineError):
    """The engine was closed, or broke, before or while the request ran."""

    code: ClassVar[str] = "closed"


class DeviceLost(EngineError):
    """The device failed, or a kernel broke this process's use of it; no request is to blame."""

    code: ClassVar[str] = "device_lost"


def is_device_lost(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, says that this process can't use its device again.

    torch raises them as AcceleratorError, which is a RuntimeError; triton as a plain one.
    """
    while error is not None:
        if isinstance(error, DeviceLost):
            return True
        message = str(error) if isinstance(error, RuntimeError) else ""
        if "CUDA" in message and any(words in message for words in _DEVICE_LOST_WORDS):
            return True
        error = error.__cause__
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a step says that memory ran out, so that a smaller step may pass."""
    if any(kind.__name__ in _OUT_OF_MEMORY_TYPES for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY_WORDS)
