"""Which column holds the text, and which the id."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from jobs.readers.row import InputError

USUAL_TEXT_FIELDS = ("text", "prompt", "messages")
USUAL_ID_FIELD = "id"


@dataclass(frozen=True, slots=True)
class Fields:
    """The chosen columns; without an id column, a row's line number is its id."""

    text: str
    id: str | None
    alternatives: tuple[str, ...] = ()
    """Where a row's text is looked for if its own column is empty: prompts and chats may share a file."""


def choose_fields(
    where: str, names: Sequence[str], wordy: Sequence[str], *, text_field: str | None, id_field: str | None
) -> Fields:
    """The columns that the user named, else the usual ones, else the only one of `wordy` that can be meant.

    Raises `InputError` that lists the columns.
    """
    for option, field in (("--text-field", text_field), ("--id-field", id_field)):
        if field is not None:
            check_field(where, names, field, option)
    chosen_id = id_field or (USUAL_ID_FIELD if USUAL_ID_FIELD in names else None)
    if text_field is not None:
        return Fields(text_field, chosen_id)
    if (usual := next((field for field in USUAL_TEXT_FIELDS if field in names), None)) is not None:
        return Fields(usual, chosen_id, tuple(field for field in USUAL_TEXT_FIELDS if field != usual))
    candidates = [name for name in wordy if name != chosen_id]
    if len(candidates) != 1:
        raise InputError(where, f"which column holds the text? Name it with --text-field{_hint('', names)}")
    return Fields(candidates[0], chosen_id)


def check_field(where: str, names: Sequence[str], field: str, option: str) -> None:
    """Raise `InputError` where there is no such column."""
    if field not in names:
        raise InputError(where, f"there is no column {field!r} ({option}){_hint(field, names)}")


def _hint(meant: str, names: Sequence[str]) -> str:
    close = get_close_matches(meant, names, n=1)
    question = f"; did you mean {close[0]!r}?" if close else ""
    return f"{question}; columns are: {', '.join(map(repr, names))}"
