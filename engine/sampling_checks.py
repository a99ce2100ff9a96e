"""What is wrong with a request's sampling whatever the model."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.constraint import Choice, JsonSchema, Regex, shown
from engine.request import Sampling
from engine.shown import shortened

MOST_LOGPROBS = 20
MOST_SAMPLES = 128


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting may be."""

    type: type
    allows: Callable[[Any], bool]
    allowed: str
    optional: bool = False

    def is_kept_by(self, value: Any) -> bool:
        """Whether it has the type and the range; a bool is no number, a whole number may be a float."""
        if value is None:
            return self.optional
        types = (int, float) if self.type is float else self.type
        is_bool = isinstance(value, bool)
        return isinstance(value, types) and is_bool == (self.type is bool) and self.allows(value)


RULES = {
    "max_tokens": Rule(int, lambda x: 1 <= x < 2**63, "a whole number of at least 1"),
    "temperature": Rule(float, lambda x: 0 <= x < math.inf, "a number of at least 0"),
    "top_k": Rule(int, lambda x: x >= 1, "a whole number of at least 1, or None for all tokens", True),
    "top_p": Rule(float, lambda x: 0 < x <= 1, "a number above 0 and at most 1, or None", True),
    "min_p": Rule(float, lambda x: 0 < x <= 1, "a number above 0 and at most 1, or None", True),
    "repetition_penalty": Rule(
        float, lambda x: 0.01 <= x <= 100, "a number from 0.01 to 100; 1 does nothing"
    ),
    "frequency_penalty": Rule(float, lambda x: -100 <= x <= 100, "a number from -100 to 100; 0 does nothing"),
    "seed": Rule(
        int,
        lambda x: -(2**63) <= x < 2**64,
        "a whole number of at most 64 bits, or None for another each time",
        True,
    ),
    "n": Rule(int, lambda x: 1 <= x <= MOST_SAMPLES, f"a whole number from 1 to {MOST_SAMPLES}"),
    "ignore_eos": Rule(bool, lambda x: x in (True, False), "True or False"),
    "logprobs": Rule(
        int,
        lambda x: 0 <= x <= MOST_LOGPROBS,
        f"a whole number from 0 (the token's own) to {MOST_LOGPROBS} (as many of the likeliest too), or None",
        True,
    ),
}


def sampling_problems(sampling: Any) -> Iterator[str]:
    """Each thing that is wrong: what was given, what is allowed."""
    if not isinstance(sampling, Sampling):
        yield f"sampling={shortened(sampling)}: use a Sampling"
        return
    yield from _rule_problems(sampling)
    yield from _stop_problems(sampling)
    yield from _contradictions(sampling)
    yield from _constraint_problems(sampling.constraint)


def _rule_problems(sampling: Sampling) -> Iterator[str]:
    for name, rule in RULES.items():
        if not rule.is_kept_by(value := getattr(sampling, name)):
            yield f"{name}={shortened(value)}: use {rule.allowed}"


def _stop_problems(sampling: Sampling) -> Iterator[str]:
    stop: Any = sampling.stop
    if not _all(stop, lambda text: isinstance(text, str) and text):
        yield f"stop={shortened(stop)}: use a tuple of texts that are not empty"
    token_ids: Any = sampling.stop_token_ids
    if not _all(token_ids, lambda token_id: type(token_id) is int and abs(token_id) < 2**63):
        yield f"stop_token_ids={shortened(token_ids)}: use a tuple of whole numbers"


def _all(values: Any, is_good: Callable[[Any], Any]) -> bool:
    return isinstance(values, tuple | list) and all(map(is_good, values))


def _contradictions(sampling: Sampling) -> Iterator[str]:
    """What says two things at once. Only the first problem is told, so all values are good ones here.

    A filter at temperature 0 is refused, since 0 is the default: who sets top_p alone wants draws, and
    would get none without a word.
    """
    if sampling.temperature > 0:
        return
    if sampling.n > 1:
        yield f"n={sampling.n} with temperature=0: all would be the same; use a temperature above 0, or n=1"
    for name in ("top_k", "top_p", "min_p"):
        if (value := getattr(sampling, name)) is not None:
            yield (
                f"{name}={value} with temperature=0: the likeliest token is taken whatever it is; "
                f"use a temperature above 0, or no {name}"
            )


def _constraint_problems(constraint: Any) -> Iterator[str]:
    match constraint:
        case None:
            pass
        case Choice(texts):
            if not texts or not _all(texts, lambda text: isinstance(text, str) and text):
                yield f"constraint={shown(constraint)}: use a tuple of one text or more, none of them empty"
        case Regex(pattern):
            if not isinstance(pattern, str) or not pattern:
                yield f"constraint={shown(constraint)}: use a pattern that is a text and not empty"
        case JsonSchema():
            schema: Any = constraint.schema
            if not isinstance(schema, str | dict):
                yield f"constraint={shown(constraint)}: use a schema that is a dict or its JSON text"
        case _:
            yield f"constraint={shortened(constraint)}: use a Choice, a JsonSchema or a Regex"
