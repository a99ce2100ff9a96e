"""What an output may be held to: one of some texts, JSON of a schema, a regular expression. Plain data."""

from dataclasses import dataclass, fields
from typing import Any

from engine.shown import shortened


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one of these texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """JSON that is valid under a schema (https://json-schema.org, draft 2020-12 and before).

    The schema is a text or the object itself. White space between the values is up to the model, within
    bounds; a keyword that cannot be enforced is refused. So is a `oneOf` whose cases are not
    seen to exclude each other, unless the schema says so: `"x-guidance": {"coerce_one_of": true}`.
    """

    schema: str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Regex:
    """A text that the pattern matches from its first to its last character.

    The syntax is Rust's (https://docs.rs/regex/latest/regex/#syntax): no look-around, no back references.
    """

    pattern: str


Constraint = Choice | JsonSchema | Regex


def shown(constraint: Constraint) -> str:
    """A constraint in a message, where a long or deep one is cut."""
    (value,) = (getattr(constraint, field.name) for field in fields(constraint))
    return f"{type(constraint).__name__}({shortened(value)})"
