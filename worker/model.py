"""The model as the kinds of job see it: a tokenizer, a limit, and somebody to ask."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine import (
    Abilities,
    BestChoice,
    ChoiceScores,
    Completion,
    Embedding,
    LabelScores,
    Request,
    RequestError,
    RequestTooLong,
)
from engine.abilities import DECODER
from engine.tokenizer import Tokenizer
from jobs.outcome import Code, RowError, Usage
from worker.engine_messages import Result

ResultT = TypeVar("ResultT", Completion, ChoiceScores, BestChoice, Embedding, LabelScores)


class Submits(Protocol):
    """What of the engine's face the worker needs; a fake has just this."""

    def submit(self, request: Request) -> "Future[Result]": ...


@dataclass(frozen=True, slots=True)
class Model:
    """One served model."""

    alias: str
    fingerprint: str
    max_model_len: int
    tokenizer: Tokenizer
    engine: Submits
    abilities: Abilities = DECODER
    num_layers: int | None = None

    @property
    def subject_layer(self) -> int:
        """The layer whose hidden states tell best what a text is about: measured, a third of the way."""
        return -1 if self.num_layers is None else max(1, self.num_layers // 3)

    async def ask(self, request: Request, answer: type[ResultT]) -> ResultT:
        """Wait for the engine's answer, of the type that the request's kind of work has.

        Raises:
            RowError: the engine refuses this request; another one may well pass.
            EngineError: the engine broke with the request in it.
        """
        try:
            result = await asyncio.wrap_future(self.engine.submit(request))
        except RequestTooLong as error:
            raise RowError(Code.TOO_LONG, str(error)) from error
        except RequestError as error:
            raise RowError(Code.REFUSED, str(error)) from error
        assert isinstance(result, answer), (result, answer)
        return result


def usage_of(result: Result) -> Usage:
    return Usage(
        prompt_tokens=result.usage.prompt_tokens,
        cached_tokens=result.usage.cached_tokens,
        output_tokens=result.usage.output_tokens,
    )
