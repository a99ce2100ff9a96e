"""How much of a summary stands in its source: a cheap sign of what is made up, not a proof."""

from collections.abc import Collection, Set
from dataclasses import dataclass

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from jobs.numbers import numbers, numbers_said, unknown_numbers
from producer.evaluation.words import root, sentences, words

# What a summary says of the text as a text; the source need not say it of itself.
_ABOUT_TEXTS = frozenset(
    map(
        root,
        (
            *(
                "article",
                "author",
                "conclude",
                "describe",
                "detail",
                "discuss",
                "document",
                "explain",
                "focus",
            ),
            *("highlight", "include", "key", "main", "mention", "outline", "overview", "paper", "passage"),
            *("point", "present", "provide", "report", "say", "section", "study", "summary", "text", "topic"),
            "use",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Support:
    """`sentences`: the share whose content words and numbers are all in the source, whatever their order.

    `numbers`: the share of the summary's numbers that are in the source, None where it has none.
    `unsupported`: the words and numbers that aren't, each once, as the summary has them.
    """

    sentences: float
    numbers: float | None
    unsupported: tuple[str, ...]


def support(summary: str, source: str) -> Support:
    """Of a summary with at least one word. Words are compared by their roots; stop words are not compared."""
    known_roots, known_numbers = {root(word) for word in words(source)}, numbers_said(source)
    missing = [_missing(each, known_roots, known_numbers) for each in sentences(summary)]
    num_numbers, num_unknown = len(numbers(summary)), len(unknown_numbers(summary, known_numbers))
    return Support(
        sentences=sum(not each for each in missing) / len(missing) if missing else 1.0,
        numbers=1 - num_unknown / num_numbers if num_numbers else None,
        unsupported=tuple(dict.fromkeys(word for each in missing for word in each)),
    )


def _missing(sentence: str, known_roots: Collection[str], known_numbers: Set[str]) -> list[str]:
    content = [word for word in words(sentence) if not any(map(str.isdigit, word)) and _has_content(word)]
    unknown_words = [word for word in content if root(word) not in known_roots]
    return unknown_words + unknown_numbers(sentence, known_numbers)


def _has_content(word: str) -> bool:
    if word in ENGLISH_STOP_WORDS or root(word) in _ABOUT_TEXTS:
        return False
    return len(word) > 1 or not word.isascii()
