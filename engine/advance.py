"""What a sequence does with the result of a step."""

from engine.errors import RequestError
from engine.request import FinishReason
from engine.sequence import Chunk
from engine.work import (
    NOT_FINITE,
    ChunkResult,
    EdgeLogprobs,
    Encoded,
    Encoding,
    HiddenSums,
    NoToken,
    Pooling,
    Sampled,
)


def advance(chunk: Chunk, result: ChunkResult) -> FinishReason | None:
    """Let a sequence take in a result; the reason if it has ended with it. Raises RequestError."""
    sequence = chunk.sequence
    match result:
        case Sampled():
            return sequence.append(result)
        case NoToken(reason):
            raise RequestError(reason)
        case EdgeLogprobs() | HiddenSums() | Encoded() if not result.are_finite:
            raise RequestError(NOT_FINITE)
        case EdgeLogprobs():
            return sequence.take_scores(result, chunk.is_last)
        case HiddenSums() if isinstance(sequence.work, Pooling):
            sequence.work.add(result, starts_over=chunk.start == 0)
        case Encoded(values) if isinstance(sequence.work, Encoding):
            sequence.work.values = tuple(values)
        case _:
            return None
    return FinishReason.STOP if chunk.is_last else None
