"""What can go wrong in the engine, sorted by who can mend it; each with its `code`, which stays as it is.

EngineError               "step_failed"    a step failed under the request, which may be blameless: try again
|-- RequestError          "request"        the request: change it and send it again
|   `-- RequestTooLong    "too_long"       ... it is longer than the engine can hold
|-- OutOfMemory           "out_of_memory"  the memory beside the KV cache: make kv_cache_bytes smaller
|-- ModelError            "model"          the model or its settings: another model, other files, other memory
|-- DeviceLost            "device_lost"    the device, on which nothing can be computed: it ends the engine
`-- EngineClosed          "closed"         nobody: the engine has been closed, or broke: start another

They hold a message and nothing else, so that they can be pickled.
"""

from typing import ClassVar

# torch is not imported here, and its allocators tell this in several ways.
_OUT_OF_MEMORY_TYPES = ("MemoryError", "OutOfMemoryError")
_OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")


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


class DeviceLost(EngineError):
    """The device has failed in such a way that no step can succeed in this process."""

    code: ClassVar[str] = "device_lost"


class EngineClosed(EngineError):
    """The engine was closed, or broke, before or while the request ran."""

    code: ClassVar[str] = "closed"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a step says that memory ran out, so that a smaller step may pass."""
    if any(kind.__name__ in _OUT_OF_MEMORY_TYPES for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY_WORDS)
