"""Text in, tokens out: continuous batching over paged KV memory; or scores and vectors, of encoders.

Importing this package imports no torch; the first use of `Engine` or `open_engine` does.
"""

from typing import TYPE_CHECKING, Any

from engine.abilities import Abilities
from engine.config import EngineConfig
from engine.constraint import Choice, Constraint, JsonSchema, Regex
from engine.errors import (
    DeviceLost,
    EngineClosed,
    EngineError,
    ModelError,
    OutOfMemory,
    RequestError,
    RequestTooLong,
)
from engine.request import (
    BestChoice,
    ChoiceScores,
    Completion,
    Completions,
    Embedding,
    EngineStats,
    FinishReason,
    LabelScores,
    Request,
    Sampling,
    Usage,
)
from engine.seeds import sample_seed

if TYPE_CHECKING:
    from engine.encoders.engine import EncoderEngine
    from engine.engine import Engine
    from engine.opening import open_engine

__all__ = [
    "Abilities",
    "BestChoice",
    "Choice",
    "ChoiceScores",
    "Completion",
    "Completions",
    "Constraint",
    "DeviceLost",
    "Embedding",
    "EncoderEngine",
    "Engine",
    "EngineClosed",
    "EngineConfig",
    "EngineError",
    "EngineStats",
    "FinishReason",
    "JsonSchema",
    "LabelScores",
    "ModelError",
    "OutOfMemory",
    "Regex",
    "Request",
    "RequestError",
    "RequestTooLong",
    "Sampling",
    "Usage",
    "open_engine",
    "sample_seed",
]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        from engine.engine import Engine

        return Engine
    if name == "EncoderEngine":
        from engine.encoders.engine import EncoderEngine

        return EncoderEngine
    if name == "open_engine":
        from engine.opening import open_engine

        return open_engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
