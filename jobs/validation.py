"""What pydantic refuses, in our own words where it has any."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def own_words(error: Mapping[str, Any]) -> str:
    """The message of one of `ValidationError.errors()`."""
    return str(error["msg"]).removeprefix("Value error, ")


def sentence(error: Mapping[str, Any]) -> str:
    """The same, behind the place that it is about."""
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {own_words(error)}" if where else own_words(error)


def in_one_line(error: ValidationError) -> str:
    """The first of what is wrong, and how much more is; pydantic's own text has many lines."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    return sentence(first) + (f" (and {len(others)} more)" if others else "")
