"""Texts as words, stems and sentences, in any language that puts spaces between words."""

import re
import unicodedata
from functools import lru_cache

from nltk.stem.porter import PorterStemmer
from nltk.stem.snowball import EnglishStemmer

# One character of a script without spaces is a word: enough to count and to compare with.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\W_a-z])|(?<=[。！？])")  # noqa: RUF001
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Dr|Mr|Mrs|Ms|Prof|St|vs|cf|Fig|No|al|e\.g|i\.e|approx)\.)$")
_LAST_CHARS = (".", "!", "?", "。", "！", "？")  # noqa: RUF001
_CLOSING = "\"'”’)]» \n"  # noqa: RUF001

_PORTER = PorterStemmer()
_ENGLISH = EnglishStemmer()


def words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def stems(text: str) -> list[str]:
    """Words, the English ones by their stems: what ROUGE compares."""
    return [stem(word) for word in words(text)]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Porter's stem of an ASCII word of more than 3 letters, as rouge-score has it; others as they are."""
    return str(_PORTER.stem(word)) if len(word) > 3 and word.isascii() else word


@lru_cache(maxsize=200_000)
def root(word: str) -> str:
    """What `use`, `used` and `using` have in common, which Porter's first stemmer keeps apart."""
    return str(_ENGLISH.stem(word)) if word.isascii() else word


def sentences(text: str) -> list[str]:
    """Sentences, as far as marks and capitals tell; a few abbreviations end none."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(text):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        elif piece.strip():
            found.append(piece.strip())
    return found


def ends_whole(text: str) -> bool:
    """Whether the last sentence has its end; an ellipsis is where a text was cut."""
    return text.rstrip(_CLOSING).endswith(_LAST_CHARS)
