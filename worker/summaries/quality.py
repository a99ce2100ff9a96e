"""What can be wrong with a summary, told from the answer and what was asked alone."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.summaries.fence import begins_with_echo
from worker.summaries.support import has_unsupported_numbers
from worker.summaries.tidy import is_cut
from worker.summaries.words import count_words, looks_english, terms


class Flaw(StrEnum):
    """Why a summary is marked as of low quality, the worst first."""

    EMPTY = "empty"  # nothing was said
    COPIES_INSTRUCTIONS = "copies_instructions"  # it says what was asked, not what is answered
    OFF_TOPIC = "off_topic"  # hardly any of its words are the text's
    WRONG_LANGUAGE = "wrong_language"  # it is in English, and another language was asked for
    UNSUPPORTED_NUMBERS = "unsupported_numbers"  # all that it says has numbers that the text doesn't have
    REPETITIVE = "repetitive"  # it says the same again and again
    NO_WHOLE_SENTENCE = "no_whole_sentence"  # so it was cut, and ends with an ellipsis
    CUT_OFF = "cut_off"  # most of the answer had no end, and is left out
    ECHOES_TAG = "echoes_tag"  # it begins with the tag before the text, which is left out
    COPIES_OPENING = "copies_opening"  # the text's first words, nothing beyond
    SECTIONS_LOST = "sections_lost"  # much of the document is not in it: its sections' summaries were flawed
    NOT_MERGED = "not_merged"  # its sections' summaries side by side


_BY_SEVERITY = {flaw: place for place, flaw in enumerate(Flaw)}

_RUN_WORDS = 5
_LEAST_RUNS = 4
_MOST_OF_INSTRUCTIONS = 0.5
_LEAST_ON_TOPIC = 0.4
_LEAST_TERMS = 5
_LEAST_DISTINCT_RUNS = 0.6
_MOST_TIMES = 3  # that a run of words is said which the text doesn't have
_MOST_TIMES_IN_A_ROW = {1: 6, 2: 3, 3: 3, 4: 3}
"""So often a phrase of so many words may not follow on itself; people say "very, very, very"."""
_MOST_OF_OPENING = 0.9
_LEAST_DOCUMENT_TO_COPY = 4
"""A text that is hardly longer than its summary may well be repeated by it."""
_LEAST_CUT_OFF_WORDS = 0.5

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Answered:
    """A summary, the answer that it was made of, and what both are judged by."""

    summary: str
    answer: str
    was_cut: bool
    source: str
    instructions: str
    max_words: int
    in_other_language: bool = False
    never_english: bool = False


def find_flaw(answered: Answered) -> Flaw | None:
    """The worst thing that is wrong with a summary, None if all is well."""
    return next((flaw for flaw, holds in _CHECKS.items() if holds(answered)), None)


def is_worse(flaw: Flaw | None, other: Flaw | None) -> bool:
    """Whether a summary with the one flaw is worse than a summary with the other."""
    return _rank(flaw) < _rank(other)


def _rank(flaw: Flaw | None) -> int:
    return len(_BY_SEVERITY) if flaw is None else _BY_SEVERITY[flaw]


def _is_empty(answered: Answered) -> bool:
    return _WORD.search(answered.summary) is None


def _copies_instructions(answered: Answered) -> bool:
    said = _runs(answered.summary)
    if len(said) < _LEAST_RUNS:
        return False
    asked = set(_runs(answered.instructions)) - set(_runs(answered.source))
    return sum(run in asked for run in said) >= _MOST_OF_INSTRUCTIONS * len(said)


def _is_off_topic(answered: Answered) -> bool:
    """In another language than the text's, names alone are alike, and nothing can be told."""
    said = set(terms(answered.summary))
    if answered.in_other_language or len(said) < _LEAST_TERMS:
        return False
    return len(said & set(terms(answered.source))) < _LEAST_ON_TOPIC * len(said)


def _is_in_wrong_language(answered: Answered) -> bool:
    """English is what models fall back to, and the one language that can be told without a package for it."""
    return answered.never_english and looks_english(answered.summary)


def _has_unsupported_numbers(answered: Answered) -> bool:
    return has_unsupported_numbers(answered.summary, answered.source, answered.instructions)


def is_repetitive(summary: str, source: str) -> bool:
    """Whether it says the same again and again: a word, a phrase of its own, or much of all it says."""
    words = _WORD.findall(summary.lower())
    if any(_has_row(words, length, times) for length, times in _MOST_TIMES_IN_A_ROW.items()):
        return True
    runs = Counter(_runs_of(words))
    # A name of the text's may be said often.
    if {run for run, times in runs.items() if times >= _MOST_TIMES} - set(_runs(source)):
        return True
    return runs.total() >= _LEAST_RUNS and len(runs) < _LEAST_DISTINCT_RUNS * runs.total()


def _is_repetitive(answered: Answered) -> bool:
    return is_repetitive(answered.summary, answered.source)


def _has_row(words: Sequence[str], length: int, times: int) -> bool:
    """Whether some `length` words, not all of them numbers, stand `times` in a row."""
    num_alike = 0
    for place in range(length, len(words)):
        num_alike = num_alike + 1 if words[place] == words[place - length] else 0
        if num_alike >= length * (times - 1) and not all(map(str.isdigit, words[place - length : place])):
            return True
    return False


def _has_no_whole_sentence(answered: Answered) -> bool:
    return is_cut(answered.summary)


def _is_cut_off(answered: Answered) -> bool:
    """That the last sentence had no end is nothing; that most of what was said had none is."""
    if not answered.was_cut:
        return False
    kept, said = count_words(answered.summary), count_words(answered.answer)
    room = min(said, answered.max_words)
    return kept < _LEAST_CUT_OFF_WORDS * room


def _echoes_tag(answered: Answered) -> bool:
    return begins_with_echo(answered.answer, answered.source)


def _copies_opening(answered: Answered) -> bool:
    words = _WORD.findall(answered.source.lower())
    said = _runs(answered.summary)
    num_words = count_words(answered.summary)
    if len(said) < _LEAST_RUNS or len(words) < _LEAST_DOCUMENT_TO_COPY * num_words:
        return False
    opening = set(_runs_of(words[: num_words + num_words // 2]))
    return sum(run in opening for run in said) >= _MOST_OF_OPENING * len(said)


def _runs(text: str) -> list[tuple[str, ...]]:
    return _runs_of(_WORD.findall(text.lower()))


def _runs_of(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + _RUN_WORDS]) for start in range(len(words) - _RUN_WORDS + 1)]


_CHECKS = {
    Flaw.EMPTY: _is_empty,
    Flaw.COPIES_INSTRUCTIONS: _copies_instructions,
    Flaw.OFF_TOPIC: _is_off_topic,
    Flaw.WRONG_LANGUAGE: _is_in_wrong_language,
    Flaw.UNSUPPORTED_NUMBERS: _has_unsupported_numbers,
    Flaw.REPETITIVE: _is_repetitive,
    Flaw.NO_WHOLE_SENTENCE: _has_no_whole_sentence,
    Flaw.CUT_OFF: _is_cut_off,
    Flaw.ECHOES_TAG: _echoes_tag,
    Flaw.COPIES_OPENING: _copies_opening,
}
