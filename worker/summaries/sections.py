"""Cut a document into sections of a token limit, on paragraph and sentence borders."""

import re
from collections.abc import Callable, Iterator

from worker.summaries.words import CLOSERS

CountTokens = Callable[[str], int]

_PARAGRAPH = re.compile(r"\n\s*\n")
# Runs are taken whole and from their start only: a document of nothing but dots costs no more than another.
# Up to two quotes or brackets may close after the sentence's end; Chinese and Japanese leave no blank there.
_END = re.compile(
    rf"(?<![.!?\u2026])[.!?\u2026]++[{CLOSERS}]{{0,2}}(?=\s)|[\u3002\uff01\uff1f]+[{CLOSERS}]?|[\u0964\u061f\u06d4](?=\s)"
)
# Initials and states (J. Smith, U.S., H.R. 1), and words that are hardly ever a sentence's last.
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\[\"'\u201c])(?:(?:\w\.){0,4}[A-Za-z]|(?:S\.)?(?:J\.|Con\.)?Res|Mrs?|Ms|Dr|Prof|St|Nos?|vs|cf|al|Jr|Sr|Sen|Reps?"
    r"|Gov|Gen|Stat|Fig|Figs|Sec|Art|Vol|pp|ca|approx|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec)\.$"
)
_LONGEST_ABBREVIATION_CHARS = 16


def sentences(text: str) -> list[str]:
    """A text's sentences, none cut behind an abbreviation; what is left after the last end is one, too."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if ends_abbreviated(text[max(start, end.end() - _LONGEST_ABBREVIATION_CHARS) : end.end()]):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def ends_abbreviated(text: str) -> bool:
    """Whether the full stop at a text's end belongs to its last word."""
    return _ABBREVIATED.search(text) is not None


def split_sections(text: str, max_tokens: int, count_tokens: CountTokens) -> list[str]:
    """Sections of at most `max_tokens`, about alike in size, which together hold all of the text.

    A paragraph is cut only where it alone is too long, a sentence likewise.
    """
    # The blank line between two pieces is a token of its own.
    pieces = [(piece, count_tokens(piece) + 1) for piece in _pieces(text, max_tokens - 1, count_tokens)]
    total = sum(tokens for _, tokens in pieces)
    num_sections = -(-total // max_tokens)
    target = -(-total // num_sections) if num_sections else max_tokens
    return ["\n\n".join(section) for section in _packed(pieces, target, max_tokens)]


def _packed(pieces: list[tuple[str, int]], target: int, max_tokens: int) -> Iterator[list[str]]:
    section: list[str] = []
    held = 0
    for piece, tokens in pieces:
        if section and (held >= target or held + tokens > max_tokens):
            yield section
            section, held = [], 0
        section.append(piece)
        held += tokens
    if section:
        yield section


def _pieces(text: str, max_tokens: int, count_tokens: CountTokens) -> Iterator[str]:
    for paragraph in _PARAGRAPH.split(text):
        if not (paragraph := paragraph.strip()):
            continue
        if count_tokens(paragraph) <= max_tokens:
            yield paragraph
            continue
        for sentence in sentences(paragraph):
            yield from _halved(sentence, max_tokens, count_tokens)


def _halved(text: str, max_tokens: int, count_tokens: CountTokens) -> Iterator[str]:
    """A text without usable borders is halved, between words where there are any, until it fits."""
    if len(text) <= 1 or count_tokens(text) <= max_tokens:
        yield text
        return
    middle = len(text) // 2
    borders = (text.rfind(" ", 1, middle + 1), text.find(" ", middle + 1), middle)
    cut = next(border for border in borders if border > 0)
    yield from _halved(text[:cut].rstrip(), max_tokens, count_tokens)
    yield from _halved(text[cut:].lstrip(), max_tokens, count_tokens)
