"""What is wrong with a request whatever the model."""

from collections.abc import Iterator, Sequence
from sys import float_info
from typing import Any, get_args

from engine.request import Pool, Request
from engine.sampling_checks import sampling_problems
from engine.shown import shortened


def problems(request: Any) -> Iterator[str]:
    """Each thing that is wrong: what was given, what is allowed."""
    if not isinstance(request, Request):
        yield f"{shortened(request)} was submitted: give a Request"
        return
    yield from _prompt_problems(request)
    yield from _choices_problems(request.choices)
    yield from _best_only_problems(request)
    labels: Any = request.labels
    if not isinstance(labels, bool):
        yield f"labels={shortened(labels)}: use True or False"
    if (request.choices is not None) + (request.pool is not None) + bool(labels) > 1:
        yield "give at most one of choices, pool and labels"
    if request.pool is not None and request.pool not in get_args(Pool):
        yield f"pool={shortened(request.pool)}: use one of {', '.join(get_args(Pool))}"
    yield from sampling_problems(request.sampling)
    yield from _not_generated_problems(request)
    for name in ("layer", "priority"):
        if type(value := getattr(request, name)) is not int:
            yield f"{name}={shortened(value)}: use a whole number"


def _prompt_problems(request: Request) -> Iterator[str]:
    if (request.prompt is None) == (request.prompt_token_ids is None):
        yield "give exactly one of prompt and prompt_token_ids"
    prompt: Any = request.prompt
    if prompt is not None and not isinstance(prompt, str):
        yield f"prompt is a {type(prompt).__name__}: give a str"
    if request.prompt_token_ids is not None:
        yield from _list_problems("prompt_token_ids", request.prompt_token_ids, int)


def _choices_problems(choices: Any) -> Iterator[str]:
    if choices is None:
        return
    yield from _list_problems("choices", choices, str)
    if not choices:
        yield "choices is empty: give at least one"


def _list_problems(name: str, values: Any, kind: type) -> Iterator[str]:
    """What keeps values from being a list or the like, all of exactly this type: a bool is no number here."""
    if not isinstance(values, Sequence) or isinstance(values, str | bytes | bytearray | memoryview):
        yield f"{name} is a {type(values).__name__}, {shortened(values)}: give a list of {kind.__name__}"
    elif odd := [place for place, value in enumerate(values) if type(value) is not kind]:
        yield f"{name}[{odd[0]}] is {shortened(values[odd[0]])}: give a list of {kind.__name__}"


def _best_only_problems(request: Request) -> Iterator[str]:
    """Only the first problem is told, so the choices are good ones, or None, here."""
    best_only: Any = request.best_only
    if not isinstance(best_only, bool):
        yield f"best_only={shortened(best_only)}: use True or False"
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
    if request.choices is None and request.pool is None and not request.labels:
        return
    for name, default in (("n", 1), ("constraint", None)):
        if (value := getattr(request.sampling, name)) != default:
            what = f"{name}={shortened(value)} with choices, pool or labels"
            yield f"{what}: nothing is generated there; leave it out"
