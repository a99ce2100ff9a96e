"""One row of a user's input, and what is said when the input is no good."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from jobs.outcome import Code
from jobs.stores.source import SourceRef


@dataclass(frozen=True, slots=True)
class InputRow:
    """A row with either a text, a document to be read later, or an error: the outcome it will fail with.

    `columns` is the whole record as it was given, `where` its file and line (`tickets.csv:17`).
    """

    id: str
    where: str
    text: str | None = None
    columns: dict[str, JsonValue] = field(default_factory=dict)
    document: SourceRef | None = None
    error: Code | None = None


class InputError(ValueError):
    """An input that is refused as a whole; the message names the place, the reason and the remedy."""

    def __init__(self, where: str, reason: str, *, names_where: bool = False) -> None:
        super().__init__(reason if names_where else f"{where}: {reason}")
        self.where = where
