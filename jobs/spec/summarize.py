"""What is asked of a summary."""

from typing import Literal

from pydantic import Field

from jobs.spec.base import BaseSpec


class SummarizeSpec(BaseSpec):
    """A summary per document, of at most `max_words` words.

    A document of more than `section_tokens` tokens is cut into sections, also where the model's context
    could hold it: a small model that is shown 7,000 tokens at once loses the subject.
    """

    kind: Literal["summarize"] = "summarize"
    max_words: int = Field(default=120, ge=10, le=2000)
    section_tokens: int = Field(default=2000, ge=64)
