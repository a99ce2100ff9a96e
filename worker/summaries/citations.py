"""Where in its document each sentence of a summary comes from: told by the words that both have.

A small model that is asked for sources makes them up, so it isn't asked.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from jobs.numbers import numbers_said, unknown_numbers
from jobs.styles import Form
from worker.summaries.sections import sentences
from worker.summaries.words import stems, terms

_LEAST_SHARE = 0.5
_LEAST_TERMS = 2
_SHARE_OF_A_HEADLINE = 0.6
_LETTERS = re.compile(r"[^\W\d_]+")
_VISIBLE = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Passage:
    """What of a section stands on one page; both count from 1, and not every document has pages."""

    section: int
    page: int | None
    terms: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, section: int, page: int | None, text: str) -> "Passage":
        return cls(
            section, page, frozenset(terms(text)), frozenset(stems(text)), frozenset(numbers_said(text))
        )


def cite(summary: str, form: Form, passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """Each sentence or line with the section, and the page, that has most of its words.

    `s1` is the first section, as the document was cut. The list is empty where no section has half of the
    sentence's words and all of its names and numbers: it may be true, but it stands nowhere so.
    """
    places = _Places.of(passages)
    return [_cited(sentence, places) for sentence in _pieces(summary, form)]


@dataclass(slots=True)
class _Section:
    """All that stands in one section, and the terms of each of its pages."""

    terms: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    pages: dict[int, frozenset[str]] = field(default_factory=dict)

    def add(self, passage: Passage) -> None:
        self.terms |= passage.terms
        self.stems |= passage.stems
        self.numbers |= passage.numbers
        if passage.page is not None:
            self.pages[passage.page] = passage.terms

    def bears_out(self, sentence: str, named: frozenset[str]) -> bool:
        """Whether all names and numbers of the sentence stand in it."""
        return named <= self.stems and not unknown_numbers(sentence, self.numbers)


@dataclass(frozen=True, slots=True)
class _Places:
    """The sections by number; `rarity` is in how many passages a term is."""

    sections: dict[int, _Section]
    rarity: Counter[str]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> Self:
        places = cls({}, Counter[str]())
        for each in passages:
            places.sections.setdefault(each.section, _Section()).add(each)
            places.rarity.update(each.terms)
        return places


def passages_of(sections: Sequence[str], pages: Sequence[str]) -> list[Passage]:
    """The sections, cut where a page ends; together, both hold the same characters but for blanks."""
    ends = _ends(pages)
    found: list[Passage] = []
    start = 0
    for number, section in enumerate(sections, 1):
        for page, piece in _by_page(section, start, ends):
            found.append(Passage.of(number, page, piece))
        start += _num_visible(section)
    return found


def _ends(pages: Sequence[str]) -> list[int]:
    """How many characters that are no blanks stand up to each page's end."""
    ends: list[int] = []
    for page in pages:
        ends.append(_num_visible(page) + (ends[-1] if ends else 0))
    return ends


def _by_page(section: str, start: int, ends: Sequence[int]) -> Iterator[tuple[int | None, str]]:
    if not ends:
        yield None, section
        return
    seen, cut = start, 0
    page = next((number for number, end in enumerate(ends, 1) if end > start), len(ends))
    for word in _VISIBLE.finditer(section):
        while page < len(ends) and seen >= ends[page - 1]:
            yield page, section[cut : word.start()]
            page, cut = page + 1, word.start()
        seen += len(word[0])
    yield page, section[cut:]


def _num_visible(text: str) -> int:
    return sum(len(word[0]) for word in _VISIBLE.finditer(text))


def _pieces(summary: str, form: Form) -> list[str]:
    return sentences(summary) if form is Form.SENTENCES else summary.splitlines()


def _cited(sentence: str, places: _Places) -> dict[str, Any]:
    said = frozenset(terms(sentence))
    named = frozenset(stems(" ".join(_names(sentence))))
    sound = {n: each.terms for n, each in places.sections.items() if each.bears_out(sentence, named)}
    section = _best(said, sound, places.rarity)
    page = None if section is None else _best(said, places.sections[section].pages, places.rarity)
    return {
        "sentence": sentence,
        "sections": [] if section is None else [f"s{section}"],
        "pages": [] if page is None else [page],
    }


def _names(sentence: str) -> list[str]:
    """Capitalised words but the first; none of a headline, which writes all words so."""
    _, *words = _LETTERS.findall(sentence) or [""]
    capitalised = [word for word in words if word[0].isupper()]
    return capitalised if len(capitalised) < _SHARE_OF_A_HEADLINE * len(words) else []


def _best(said: frozenset[str], places: dict[Any, frozenset[str]], rarity: Counter[str]) -> Any:
    """The first of those that have most of the words, rare ones counted more; None where it is too little."""

    def weight(place: Any) -> float:
        return sum(1 / rarity[term] for term in said & places[place])

    best = max(places, key=weight, default=None)
    if best is None:
        return None
    num_common = len(said & places[best])
    return best if num_common >= max(_LEAST_TERMS, _LEAST_SHARE * len(said)) else None
