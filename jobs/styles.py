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

    `wish` follows the text, `merge_wish` the notes of its sections; {words} is filled in.
    `opening` are an English answer's first words, which are given: on a small model they decide whether the
    answer is about the text at all, rather than about the weather or the assistant.
    """

    form: Form
    words: int
    """The limit where none is given."""
    wish: str
    merge_wish: str
    opening: str


FOCUSED_WISHES: dict[Form, str] = {
    Form.SENTENCES: "{focus}\nAnswer from the {source} above in at most {words} words.",
    Form.LINES: "{focus}\nAnswer from the {source} above in points, one line each, in at most {words} words.",
    Form.HEADLINE: "{focus}\nAnswer from the {source} above with a headline of at most {words} words.",
}
"""Where a question is to be answered. A small model that is asked for a summary, with the question in it,
says what the document is instead."""

NOTE = Style(
    Form.SENTENCES,
    60,
    "Summarize the text above in at most {words} words.",
    "Combine the notes above into one summary of at most {words} words.",
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
        "What is the document above about? Give its main points in at most {words} words.",
        "Combine the notes above into one summary of at most {words} words.",
        "The document is about",
    ),
    "bullets": Style(
        Form.LINES,
        120,
        "List the main points of the document above, one line each, in at most {words} words.",
        "List the main points of the notes above, one line each, in at most {words} words.",
        "- ",
    ),
    "headline": Style(
        Form.HEADLINE,
        15,
        "Write a headline for the document above, of at most {words} words.",
        "Write one headline for the notes above, of at most {words} words.",
        "Headline:",
    ),
    "tldr": Style(
        Form.SENTENCES,
        30,
        "Say in one sentence of at most {words} words what the document above is about.",
        "Say in one sentence of at most {words} words what the notes above are about.",
        "The document is about",
    ),
    "minutes": Style(
        Form.LINES,
        200,
        "Write minutes of the meeting above, in at most {words} words: what was discussed, what was "
        "decided, and who does what, one line each.",
        "Write minutes of the meeting from the notes above, in at most {words} words: what was "
        "discussed, what was decided, and who does what, one line each.",
        "Discussed:\n- ",
    ),
}
assert set(STYLES) == set(get_args(StyleName))
