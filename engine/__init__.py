"""Text in, tokens out: continuous batching over paged KV memory.

Importing this package imports no torch; the first use of `Engine` does.
"""

from typing import TYPE_CHECKING, Any

from engine.config import EngineConfig
from engine.constraint import Choice, Constraint, JsonSchema, Regex
from engine.errors import EngineClosed, EngineError, ModelError, OutOfMemory, RequestError, RequestTooLong
from engine.request import (
    BestChoice,
    ChoiceScores,
    Completion,
    Completions,
    Embedding,
    EngineStats,
    FinishReason,
    Request,
    Sampling,
    Usage,
)
from engine.seeds import sample_seed

if TYPE_CHECKING:
    from engine.engine import Engine

__all__ = [
    "BestChoice",
    "Choice",
    "ChoiceScores",
    "Completion",
    "Completions",
    "Constraint",
    "Embedding",
    "Engine",
    "EngineClosed",
    "EngineConfig",
    "EngineError",
    "EngineStats",
    "FinishReason",
    "JsonSchema",
    "ModelError",
    "OutOfMemory",
    "Regex",
    "Request",
    "RequestError",
    "RequestTooLong",
    "Sampling",
    "Usage",
    "sample_seed",
]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        from engine.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
