"""What is asked of a summary."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from jobs.prompt_template import PromptTemplate
from jobs.spec.base import BaseSpec
from jobs.styles import StyleName

Strategy = Literal["auto", "stuff", "tree", "refine"]
Line = StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\n\r]*$")


class SummarizeSpec(BaseSpec):
    """A summary per document, of at most `max_words` words.

    A document of more than `section_tokens` tokens is cut into sections, also where the model's context
    could hold it: a small model that is shown 7,000 tokens at once loses the subject. The sections' notes
    are merged (`tree`), or one summary is carried through them (`refine`); `stuff` never cuts.
    """

    kind: Literal["summarize"] = "summarize"
    max_words: int = Field(default=120, ge=5, le=2000)
    section_tokens: int = Field(default=2000, ge=64)
    style: StyleName = "paragraph"
    language: Annotated[str, Line, Field(max_length=60)] | None = None
    focus: Annotated[str, Line, Field(max_length=1000)] | None = None
    prompt: PromptTemplate | None = None
    strategy: Strategy = "auto"
    cite: bool = False

    @model_validator(mode="after")
    def _prompt_uses_what_is_given(self) -> Self:
        for name in ("language", "focus"):
            if self.prompt and getattr(self, name) is not None and not self.prompt.uses(name):
                raise ValueError(f"--{name} is given, and the prompt doesn't use {{{{ {name} }}}}: add it")
        return self
