"""What is wrong with a request whatever the model."""

from collections.abc import Iterator
from sys import float_info
from typing import Any, get_args

from engine.request import Pool, Request
from engine.sampling_checks import sampling_problems


def problems(request: Request) -> Iterator[str]:
    """Each thing that is wrong: what was given, what is allowed."""
    yield from _prompt_problems(request)
    yield from _choices_problems(request.choices)
    yield from _best_only_problems(request)
    if request.choices is not None and request.pool is not None:
        yield "give at most one of choices and pool"
    if request.pool is not None and request.pool not in get_args(Pool):
        yield f"pool={request.pool!r}: use one of {', '.join(get_args(Pool))}"
    yield from sampling_problems(request.sampling)
    yield from _not_generated_problems(request)
    for name in ("layer", "priority"):
        if type(value := getattr(request, name)) is not int:
            yield f"{name}={value!r}: use a whole number"


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


def _best_only_problems(request: Request) -> Iterator[str]:
    """Only the first problem is told, so the choices are good ones, or None, here."""
    best_only: Any = request.best_only
    if not isinstance(best_only, bool):
        yield f"best_only={best_only!r}: use True or False"
    elif best_only and request.choices is None:
        yield "best_only=True without choices: give the choices, or leave it out"
    elif request.choice_bias is not None and not best_only:
        yield "choice_bias without best_only=True: add it to the scores yourself, or ask for the best only"
    elif request.choices is not None and request.choice_bias is not None:
        yield from _bias_problems(request.choice_bias, len(request.choices))


def _bias_problems(bias: Any, num_choices: int) -> Iterator[str]:
    if not isinstance(bias, tuple | list):
        yield f"choice_bias is a {type(bias).__name__}: give a list of one number a choice"
    elif len(bias) != num_choices:
        yield f"choice_bias has {len(bias)} numbers and choices {num_choices}: give one number a choice"
    elif odd := [place for place, number in enumerate(bias) if not _is_finite(number)]:
        yield f"choice_bias[{odd[0]}] is no finite number: give finite ones"


def _is_finite(number: Any) -> bool:
    return type(number) is not bool and isinstance(number, int | float) and abs(number) <= float_info.max


def _not_generated_problems(request: Request) -> Iterator[str]:
    if request.choices is None and request.pool is None:
        return
    for name, default in (("n", 1), ("constraint", None)):
        if (value := getattr(request.sampling, name)) != default:
            yield f"{name}={value!r} with choices or pool: nothing is generated there; leave it out"
