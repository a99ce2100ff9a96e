"""Labels, examples, and what is asked of a classification."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jobs.spec.base import BaseSpec

DEFAULT_THRESHOLD = 0.5


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


class ClassifySpec(BaseSpec):
    """One label per row, with a probability for each; without `scores` the label alone, which is faster.

    No `labels` are those of a model that has its own. With `multi` a row has each label whose probability
    is at least `threshold`, None being DEFAULT_THRESHOLD.
    """

    kind: Literal["classify"] = "classify"
    labels: tuple[Label, ...] = Field(default=(), max_length=1000)
    examples: tuple[Example, ...] = ()
    scores: bool = True
    multi: bool = False
    threshold: float | None = Field(default=None, gt=0.0, lt=1.0)

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        if len(labels) == 1:
            raise ValueError(f"a classification needs at least 2 labels, given is {labels[0].name}")
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
