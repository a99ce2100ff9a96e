"""What a parser gives: a text, or the reason why there is none."""

from dataclasses import dataclass
from itertools import pairwise

from jobs.outcome import Code


@dataclass(frozen=True, slots=True)
class Document:
    """A document's text, paragraphs apart by an empty line, and where in it its pages start, if it has any.

    A parser puts a form feed between two pages; `parse_document` takes them out.
    """

    text: str
    page_starts: tuple[int, ...] = ()


class PagedText(str):
    """A document's text for those to whom it is a text, and its pages for those who ask."""

    page_starts: tuple[int, ...]

    def __new__(cls, text: str, page_starts: tuple[int, ...] = ()) -> "PagedText":
        paged = super().__new__(cls, text)
        paged.page_starts = page_starts
        return paged

    @property
    def pages(self) -> list[str]:
        """The text of each page; none where there are no pages."""
        return [self[start:end] for start, end in pairwise((*self.page_starts, len(self)))]


class DocumentError(Exception):
    """A document that gives no text: the code is for the row's outcome, the message for its owner."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
