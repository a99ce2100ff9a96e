"""What a spec refuses, in the words of the command line that gave it."""

from typing import Any

from pydantic import ValidationError

from jobs.validation import own_words
from producer.errors import UserError
from producer.plain import shown

_OPTIONS = {"labels": "--labels or --labels-file"}  # the others are named as their field is
_FREE_WORDS = {
    "string_too_short": "give a text of at least 1 character",
    "too_short": "give at least one",
}


def as_user_error(error: ValidationError) -> UserError:
    """One line with each option, what was given and what is allowed."""
    return UserError("; ".join(_sentence(each) for each in error.errors()))


def _sentence(error: Any) -> str:
    if not error["loc"]:  # of several options at once: the message names them
        return own_words(error)
    field = str(error["loc"][0])
    option = _OPTIONS.get(field, "--" + field.replace("_", "-"))
    if error["type"] == "value_error":
        return f"{option}: {own_words(error)}"
    return f"{option} can't be {_shown(error['input'])}: {_allowed(error)}"


def _allowed(error: Any) -> str:
    known = _FREE_WORDS.get(error["type"])
    return known or str(error["msg"]).replace("Input should be", "it must be")


def _shown(given: Any) -> str:
    return "empty" if given in ("", (), []) else shown(given)
