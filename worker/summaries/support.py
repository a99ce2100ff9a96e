"""What of a summary its text doesn't bear out: sentences of strange words, and of strange numbers."""

from collections.abc import Sequence, Set
from itertools import pairwise

from jobs.numbers import numbers_said, unknown_numbers
from jobs.styles import Form
from worker.summaries.sections import sentences
from worker.summaries.words import looks_english, terms

_LEAST_SUPPORTED = 0.5
_SMALL_NUMBERS = frozenset(map(str, range(13)))


def with_known_words(summary: str, source: str) -> str:
    """The sentences of which half the telling words are the source's; all of them where none has that."""
    there = set(terms(source))
    found = sentences(summary)
    kept = [each for each in found if _share(set(terms(each)), there) >= _LEAST_SUPPORTED]
    return " ".join(kept or found)


def with_known_numbers(summary: str, form: Form, source: str, asked: str) -> str:
    """The sentences or points without numbers that neither the source has nor what was asked; else all."""
    known = _known(source, asked)
    if not unknown_numbers(summary, known):
        return summary
    is_prose = form is Form.SENTENCES
    found = sentences(summary) if is_prose else summary.splitlines()
    kept = [each for each in found if not unknown_numbers(each, known)]
    return (" ".join(kept) if is_prose else "\n".join(_without_empty_headings(kept))) or summary


def has_unsupported_numbers(summary: str, source: str, asked: str) -> bool:
    """Whether it has a number that neither its source has nor what was asked."""
    return bool(unknown_numbers(summary, _known(source, asked)))


def _known(source: str, asked: str) -> Set[str]:
    """Small numbers are words more often than digits, and of those only the English ones are known."""
    spelt = frozenset[str]() if looks_english(source) else _SMALL_NUMBERS
    return {*numbers_said(source), *numbers_said(asked), *spelt}


def _without_empty_headings(lines: Sequence[str]) -> list[str]:
    """A heading, which ends with a colon, is empty before another one, and at the end."""
    return [line for line, after in pairwise([*lines, ":"]) if not (line.endswith(":") and after[-1] == ":")]


def _share(said: set[str], there: set[str]) -> float:
    return len(said & there) / len(said) if said else 0.0
