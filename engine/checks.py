"""What is wrong with a request whatever the model."""

import math
from collections.abc import Iterator
from typing import Any, get_args

from engine.request import Pool, Request, Sampling


def problems(request: Request) -> Iterator[str]:
    """Each thing that is wrong: what was given, what is allowed."""
    yield from _prompt_problems(request)
    yield from _choices_problems(request.choices)
    if request.choices is not None and request.pool is not None:
        yield "give at most one of choices and pool"
    if request.pool is not None and request.pool not in get_args(Pool):
        yield f"pool={request.pool!r}: use one of {', '.join(get_args(Pool))}"
    yield from _sampling_problems(request.sampling)


def _prompt_problems(request: Request) -> Iterator[str]:
    if (request.prompt is None) == (request.prompt_token_ids is None):
        yield "give exactly one of prompt and prompt_token_ids"
    prompt: Any = request.prompt
    if prompt is not None and not isinstance(prompt, str):
        yield f"prompt is a {type(prompt).__name__}: give a str"


def _choices_problems(choices: Any) -> Iterator[str]:
    if choices is None:
        return
    if isinstance(choices, str):
        yield "choices is one str: give a list of them"
    elif not choices:
        yield "choices is empty: give at least one"
    elif not all(isinstance(choice, str) for choice in choices):
        yield "choices has something that is no str: give a list of str"


def _sampling_problems(sampling: Sampling) -> Iterator[str]:
    if sampling.max_tokens < 1:
        yield f"max_tokens={sampling.max_tokens}: use at least 1"
    if not 0 <= sampling.temperature < math.inf:
        yield f"temperature={sampling.temperature}: use a number of at least 0"
    if sampling.top_k is not None and sampling.top_k < 1:
        yield f"top_k={sampling.top_k}: use at least 1, or None for all tokens"
    if sampling.top_p is not None and not 0 < sampling.top_p <= 1:
        yield f"top_p={sampling.top_p}: use a number above 0 and at most 1, or None"
    if not 0 < sampling.repetition_penalty < math.inf:
        yield f"repetition_penalty={sampling.repetition_penalty}: use a number above 0; 1 does nothing"
    if not -math.inf < sampling.frequency_penalty < math.inf:
        yield f"frequency_penalty={sampling.frequency_penalty}: use a finite number; 0 does nothing"
    stop: Any = sampling.stop
    if isinstance(stop, str) or not all(isinstance(text, str) and text for text in stop):
        yield f"stop={stop!r}: use a tuple of texts that are not empty"
