"""What a user asks for: one spec per kind of job, validated before anything is written."""

import json
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Label(BaseModel):
    """A label of a classification: `name` is returned as given, the model reads its `_` as spaces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)

    @property
    def words(self) -> str:
        return " ".join(self.name.replace("_", " ").split())


class Example(BaseModel):
    """A text with its right label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1)
    label: str


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassifySpec(_Spec):
    """One label per row, with a probability for each; without `scores` the label alone, which is faster."""

    kind: Literal["classify"] = "classify"
    labels: tuple[Label, ...] = Field(max_length=1000)
    examples: tuple[Example, ...] = ()
    scores: bool = True

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        if len(labels) < 2:
            given = ", ".join(label.name for label in labels) or "none"
            raise ValueError(f"a classification needs at least 2 labels, given is {given}")
        seen: dict[str, str] = {}
        for label in labels:
            if not label.words:
                raise ValueError(f"the label {label.name!r} has no words in it")
            if label.words.casefold() in seen:
                twin = seen[label.words.casefold()]
                raise ValueError(f"the labels {twin!r} and {label.name!r} read alike; each must differ")
            seen[label.words.casefold()] = label.name
        return labels

    @model_validator(mode="after")
    def _examples_have_known_labels(self) -> Self:
        known = {label.name for label in self.labels}
        for example in self.examples:
            if example.label not in known:
                raise ValueError(
                    f"an example has the label {example.label!r}; the labels are {', '.join(sorted(known))}"
                )
        return self


class SummarizeSpec(_Spec):
    """A summary per document, of at most `max_words` words.

    A document of more than `section_tokens` tokens is cut into sections, also where the model's context
    could hold it: a small model that is shown 7,000 tokens at once loses the subject.
    """

    kind: Literal["summarize"] = "summarize"
    max_words: int = Field(default=120, ge=10, le=2000)
    section_tokens: int = Field(default=2000, ge=64)


class GenerateSpec(_Spec):
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
        held_to = [name for name in ("choices", "json_schema", "regex") if getattr(self, name) is not None]
        if len(held_to) > 1:
            raise ValueError(
                f"give at most one of choices, json_schema and regex, not {' and '.join(held_to)}"
            )
        if held_to and self.stop:
            raise ValueError(f"stop may cut an answer before it is of the {held_to[0]}: give one of the two")
        for name in ("top_k", "top_p", "min_p"):
            if self.temperature == 0 and getattr(self, name) is not None:
                raise ValueError(f"{name} does nothing at temperature 0: give a temperature above 0 with it")
        return self


class EmbedSpec(_Spec):
    """A vector per text: the model's hidden states of `layer`, pooled."""

    kind: Literal["embed"] = "embed"
    pool: Literal["mean", "last", "mean+last"] = "mean"
    layer: int = -1


Spec = Annotated[ClassifySpec | SummarizeSpec | GenerateSpec | EmbedSpec, Field(discriminator="kind")]
Kind = Literal["classify", "summarize", "generate", "embed"]
