"""What pydantic refuses, in our own words where it has any."""

from collections.abc import Mapping
from typing import Any


def own_words(error: Mapping[str, Any]) -> str:
    """The message of one of `ValidationError.errors()`."""
    return str(error["msg"]).removeprefix("Value error, ")
