"""What a user asks for: one spec per kind of job, validated before anything is written."""

from typing import Annotated, Literal

from pydantic import Field

from jobs.spec.classify import (
    ClassifySpec,
    Example,
    HeadRef,
    Label,
    LabelName,
    check_labels_differ,
)
from jobs.spec.embed import EmbedSpec
from jobs.spec.generate import GenerateSpec
from jobs.spec.summarize import SummarizeSpec

Spec = Annotated[ClassifySpec | SummarizeSpec | GenerateSpec | EmbedSpec, Field(discriminator="kind")]
Kind = Literal["classify", "summarize", "generate", "embed"]

__all__ = [
    "ClassifySpec",
    "EmbedSpec",
    "Example",
    "GenerateSpec",
    "HeadRef",
    "Kind",
    "Label",
    "LabelName",
    "Spec",
    "SummarizeSpec",
    "check_labels_differ",
]
