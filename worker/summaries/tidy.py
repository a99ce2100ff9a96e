"""Make a model's answer a summary: whole sentences or lines, each said once, within the word limit."""

import re
from collections.abc import Iterable, Iterator

from jobs.styles import Form
from worker.summaries.sections import ends_abbreviated, sentences
from worker.summaries.words import CLOSERS, SENTENCE_ENDS, count_words, first_words

# A model that is given a dash may number its points behind it.
_LIST_MARK = re.compile(r"(?:^|(?<=[.:!?]\s))(?:(?:\d{1,2}[.)]|[-*\u2022])\s+)+", re.MULTILINE)
_BULLET = re.compile(r"^(?:(?:[-*\u2022\u2013]+|\d{1,2}[.)])(?:\s+|$))+")
_EMPHASIS = re.compile(r"\*\*|__|^#{1,6}\s+|`")
_LABEL = re.compile(r"^(?:headline|title|tl;?dr|summary)\s*[:\-\u2013]\s*", re.IGNORECASE)
# As transcripts have it; before ? and ! it is French.
_BLANK_BEFORE_END = re.compile(r"(?<=\w)[ \t]+(?=[.,](?:\s|$))")
_WORD = re.compile(r"\w+")
_ALIKE = 0.8
_NEARLY_AS_LONG = 0.7


def tidy(text: str, form: Form, max_words: int, ended: bool = True) -> str:
    """The summary in an answer; `ended` is whether the model ended it, or was cut off.

    Where nothing in it is whole and fits, it is cut at the limit, and an ellipsis says so.
    """
    text = _BLANK_BEFORE_END.sub("", text)
    match form:
        case Form.SENTENCES:
            return _tidy_sentences(text, max_words, ended)
        case Form.LINES:
            return _tidy_lines(text, max_words, ended)
        case Form.HEADLINE:
            return _tidy_headline(text, max_words)


def is_cut(summary: str) -> bool:
    """Whether `tidy` found nothing whole that fits."""
    return summary.endswith("…")


def _tidy_sentences(text: str, max_words: int, ended: bool) -> str:
    paragraph = " ".join(_LIST_MARK.sub("", text + " ").split())
    found = sentences(paragraph)
    whole = (each for each in found if is_whole(each, ended and each is found[-1]))
    kept = list(_within(each_once(whole), max_words))
    return " ".join(kept) or _cut(paragraph, max_words)


def _tidy_lines(text: str, max_words: int, ended: bool) -> str:
    given = [line for line in text.splitlines() if line.strip()]
    lines = [_EMPHASIS.sub("", line.strip()) for line in (given if ended else given[:-1] or given)]
    items = each_once(item for line in lines if _WORD.search(item := _BULLET.sub("", line)))
    # A heading, which ends with a colon, is no point of its own.
    marked = (item if item.endswith(":") else f"- {item}" for item in items)
    kept = list(_within(marked, max_words))
    while kept and kept[-1].endswith(":"):
        kept.pop()
    return "\n".join(kept) or _cut(" ".join(text.split()), max_words)


def _tidy_headline(text: str, max_words: int) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    line = _LABEL.sub("", _EMPHASIS.sub("", first.strip())).strip("\"'“” ")
    line = sentences(line + " ")[0].removesuffix(".") if line else ""
    return line if count_words(line) <= max_words else _cut(line, max_words)


def _within(pieces: Iterable[str], max_words: int) -> Iterator[str]:
    num_words = 0
    for piece in pieces:
        num_words += count_words(piece)
        if num_words > max_words:
            return
        yield piece


def each_once(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces without those that say what an earlier one says, or hardly more."""
    earlier: list[set[str]] = []
    for piece in pieces:
        words = set(_WORD.findall(piece.lower()))
        if any(_says_no_more(words, other) for other in earlier):
            continue
        earlier.append(words)
        yield piece


def _says_no_more(words: set[str], earlier: set[str]) -> bool:
    num_common = len(words & earlier)
    is_nearly_as_long = len(earlier) >= _NEARLY_AS_LONG * len(words)
    return num_common >= _ALIKE * len(words) or (is_nearly_as_long and num_common >= _ALIKE * len(earlier))


def is_whole(sentence: str, is_last_word: bool = True) -> bool:
    """Whether a sentence has its end; behind an abbreviation only if the model said no more."""
    if not sentence.rstrip(CLOSERS).endswith(SENTENCE_ENDS):
        return False
    return is_last_word or not ends_abbreviated(sentence)


def _cut(text: str, max_words: int) -> str:
    # The ellipsis joins the last word, so that the limit holds however words are counted.
    cut = first_words(text, max_words).rstrip(",;:.… ")
    return f"{cut}…" if cut else ""
