"""Labels, examples, and what is asked of a classification."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jobs.spec.base import BaseSpec


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


class HeadRef(BaseModel):
    """The fitted head that goes with a job, by the hash of its card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ClassifySpec(BaseSpec):
    """One label per row, with a probability for each; without `scores` the label alone, which is faster.

    A row whose likeliest label is less probable than `abstain_below` has none. With a `head` the labels are
    the head's, in its order, and the model is only asked for vectors.
    """

    kind: Literal["classify"] = "classify"
    labels: tuple[Label, ...] = Field(max_length=1000)
    examples: tuple[Example, ...] = ()
    scores: bool = True
    abstain_below: float | None = Field(default=None, gt=0.0, le=1.0)
    head: HeadRef | None = None

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

    @model_validator(mode="after")
    def _abstains_by_scores(self) -> Self:
        if self.abstain_below is not None and not self.scores:
            raise ValueError(
                "--label-only gives no probabilities, which --abstain-below needs: give one of the two"
            )
        return self

    @model_validator(mode="after")
    def _head_needs_no_examples(self) -> Self:
        if self.head is not None and self.examples:
            raise ValueError(
                "a fitted head has learned its labels and reads no examples: give one of the two"
            )
        return self
