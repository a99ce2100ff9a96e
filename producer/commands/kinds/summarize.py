"""`summarize`: its options and its spec."""

from typing import Annotated

import typer

from jobs.spec import SummarizeSpec
from producer import options

MaxWords = Annotated[int, typer.Option(min=10, max=2000, help="Of a summary.", rich_help_panel=options.JOB)]
SectionTokens = Annotated[
    int,
    typer.Option(
        min=64, help="Longer documents are cut; a large model takes more.", rich_help_panel=options.JOB
    ),
]


def summarize(max_words: MaxWords = 120, section_tokens: SectionTokens = 2000) -> SummarizeSpec:
    """A summary per document, however long it is."""
    return SummarizeSpec(max_words=max_words, section_tokens=section_tokens)
