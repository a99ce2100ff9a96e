"""What a parser gives: a text, or the reason why there is none."""

from dataclasses import dataclass

from jobs.outcome import Code


@dataclass(frozen=True, slots=True)
class Document:
    """A document's text, paragraphs apart by an empty line; `pages` where its format has any."""

    text: str
    pages: int | None = None


class DocumentError(Exception):
    """A document that gives no text: the code is for the row's outcome, the message for its owner."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
