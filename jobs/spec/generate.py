"""What is asked of an answer to a prompt."""

import json
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from jobs.spec.base import BaseSpec


class GenerateSpec(BaseSpec):
    """An answer per prompt; `temperature` 0 is greedy.

    It may be held to one of `choices`, to JSON of a `json_schema` (its text), or to a `regex` in Rust's
    syntax; what of these only the engine can judge fails its rows.
    """

    kind: Literal["generate"] = "generate"
    max_tokens: int = Field(default=256, ge=1, le=32_768)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_k: int | None = Field(default=None, ge=1)
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    min_p: float | None = Field(default=None, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**64)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    system: str | None = None
    choices: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(default=None, min_length=1)
    json_schema: str | None = None
    regex: str | None = Field(default=None, min_length=1)

    @field_validator("choices")
    @classmethod
    def _each_once(cls, choices: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for text, times in Counter(choices).items():
            if times > 1:
                raise ValueError(f"the choice {text!r} is given {times} times; each must differ")
        return choices

    @field_validator("json_schema")
    @classmethod
    def _is_an_object(cls, schema: str | None) -> str | None:
        try:
            given = json.loads(schema) if schema is not None else {}
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the JSON schema is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise ValueError("the JSON schema must be a JSON object")
        return schema

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        held_to = [
            _option(name) for name in ("choices", "json_schema", "regex") if getattr(self, name) is not None
        ]
        if len(held_to) > 1:
            raise ValueError(
                f"give at most one of --choices, --json-schema and --regex, not {' and '.join(held_to)}"
            )
        if held_to and self.stop:
            raise ValueError(f"--stop may cut an answer before it fits {held_to[0]}: give one of the two")
        for name in ("top_k", "top_p", "min_p"):
            if self.temperature == 0 and getattr(self, name) is not None:
                raise ValueError(
                    f"{_option(name)} does nothing at --temperature 0: give a temperature above 0 with it"
                )
        return self


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"
