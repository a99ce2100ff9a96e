"""The shapes that a summary may have: all that differs between them is in one table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

StyleName = Literal["paragraph", "bullets", "headline", "tldr", "minutes"]


class Form(StrEnum):
    """What a summary consists of, and so where it may be cut."""

    SENTENCES = "sentences"
    LINES = "lines"
    HEADLINE = "headline"


@dataclass(frozen=True, slots=True)
class Style:
    """How a summary of one style is asked for.

    `wish` follows the text, `merge_wish` the notes of its sections; {about} and {words} are filled in.
    `opening` are an English answer's first words, which are given: on a small model they decide whether the
    answer is about the text at all, rather than about the weather or the assistant.
    """

    form: Form
    words: int
    """The limit where none is given."""
    wish: str
    merge_wish: str
    opening: str


NOTE = Style(
    Form.SENTENCES,
    60,
    "Summarize the text above{about} in at most {words} words.",
    "Combine the notes above into one summary{about} of at most {words} words.",
    "",
)
"""Of a section, and of a merge before the last, whatever the summary will be: headlines would leave nothing
to merge."""

PART_WORDS = 40
"""A paragraph of at least twice as many is put together of parts with about so many each, which cover one
stretch of the document after the other. A small model that merges everything keeps the first notes alone."""

STYLES: dict[StyleName, Style] = {
    "paragraph": Style(
        Form.SENTENCES,
        120,
        "What is the document above about? Give its main points{about} in at most {words} words.",
        "Combine the notes above into one summary{about} of at most {words} words.",
        "The document is about",
    ),
    "bullets": Style(
        Form.LINES,
        120,
        "List the main points of the document above{about}, one line each, in at most {words} words.",
        "List the main points of the notes above{about}, one line each, in at most {words} words.",
        "- ",
    ),
    "headline": Style(
        Form.HEADLINE,
        15,
        "Write a headline for the document above{about}, of at most {words} words.",
        "Write one headline for the notes above{about}, of at most {words} words.",
        "Headline:",
    ),
    "tldr": Style(
        Form.SENTENCES,
        30,
        "Say in one sentence of at most {words} words what the document above is about{about}.",
        "Say in one sentence of at most {words} words what the notes above are about{about}.",
        "The document is about",
    ),
    "minutes": Style(
        Form.LINES,
        200,
        "Write minutes of the meeting above{about}, in at most {words} words: what was discussed, what was "
        "decided, and who does what, one line each.",
        "Write minutes of the meeting from the notes above{about}, in at most {words} words: what was "
        "discussed, what was decided, and who does what, one line each.",
        "Discussed:\n- ",
    ),
}
assert set(STYLES) == set(get_args(StyleName))
