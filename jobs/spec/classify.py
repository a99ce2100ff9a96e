"""Labels, examples, and what is asked of a classification."""

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from jobs.spec.base import BaseSpec

DEFAULT_THRESHOLD = 0.5
LEVELS = "/"
"""Between the levels of a label: `billing/refund` is a `refund` below `billing`."""

Calibration = Literal["learned", "content-free", "in-domain", "none"]
"""What a label is thought to get whatever a text says: learned from a sample of the job's own rows, from
texts without content, from random words of the rows; or nothing."""


_UNSEEN = {"Cc", "Zl", "Zp"}  # control characters, and ends of lines and paragraphs
_REORDERING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _seen_as_it_is(name: str) -> str:
    for each in name:
        if unicodedata.category(each) in _UNSEEN or unicodedata.bidirectional(each) in _REORDERING:
            raise ValueError(
                f"the label {name!r} has the character U+{ord(each):04X} in it, which moves or hides what "
                "stands beside it: take it out"
            )
    return name


LabelName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_seen_as_it_is)]


def _words(name: str) -> str:
    """What a model reads of a label."""
    return " ".join(name.replace("_", " ").split())


def check_labels_differ(names: Iterable[str]) -> None:
    """Raises ValueError for a label without words, and for two that read alike."""
    seen: dict[str, str] = {}
    for name in names:
        if not all(_words(level) for level in name.split(LEVELS)):
            raise ValueError(f"the label {name!r} has no words in it, or in a level between its /")
        # One character may be written as two: e with its accent behind it.
        reading = unicodedata.normalize("NFC", _words(name).casefold())
        if (twin := seen.get(reading)) == name:
            raise ValueError(f"the label {twin!r} is given twice; each must differ")
        if twin is not None:
            raise ValueError(f"the labels {twin!r} and {name!r} read alike; each must differ")
        seen[reading] = name


class Label(BaseModel):
    """A label of a classification: `name` is returned as given, the model reads its `_` as spaces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: LabelName
    description: str | None = Field(default=None, max_length=1000)

    @property
    def words(self) -> str:
        return _words(self.name)

    @property
    def path(self) -> tuple[str, ...]:
        """The label's levels, from the topmost on."""
        return tuple(self.name.split(LEVELS))


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

    No `labels` are those of a model that has its own. With `multi` a row has all labels whose own probability
    is at least `threshold`, None being DEFAULT_THRESHOLD. A row whose likeliest label is less probable than
    `abstain_below` has none. `examples_tokens` is what the examples may take of every prompt; with None the
    worker decides. With a `head` the labels are the head's, in its order, and the model is only asked for
    vectors.
    """

    kind: Literal["classify"] = "classify"
    labels: tuple[Label, ...] = Field(default=(), max_length=1000)
    examples: tuple[Example, ...] = ()
    examples_tokens: int | None = Field(default=None, ge=16)
    calibration: Calibration = "learned"
    scores: bool = True
    multi: bool = False
    threshold: float | None = Field(default=None, gt=0.0, lt=1.0)
    abstain_below: float | None = Field(default=None, gt=0.0, le=1.0)
    head: HeadRef | None = None

    @property
    def has_levels(self) -> bool:
        return any(len(label.path) > 1 for label in self.labels)

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        if len(labels) == 1:
            raise ValueError(f"a classification needs at least 2 labels, given is {labels[0].name}")
        check_labels_differ(label.name for label in labels)
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
    def _fits_together(self) -> Self:
        if not self.scores and (self.multi or self.abstain_below is not None):
            one = "multi" if self.multi else "abstain-below"
            raise ValueError(f"--label-only gives no probabilities, which --{one} needs: give one of the two")
        if self.multi and self.abstain_below is not None:
            raise ValueError(
                "--multi gives no label where none reaches --threshold: leave --abstain-below out"
            )
        if self.threshold is not None and not self.multi:
            raise ValueError("--threshold belongs to --multi: give both, or neither")
        return self

    @model_validator(mode="after")
    def _head_needs_no_prompt(self) -> Self:
        if self.head is not None and self.examples:
            raise ValueError(
                "a fitted head has learned its labels and reads no examples: give one of the two"
            )
        if self.head is not None and self.multi:
            raise ValueError("a fitted head gives one label a row: leave --multi out")
        return self
