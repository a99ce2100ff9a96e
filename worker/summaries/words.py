"""Words: how many a text has, and which of them say what it is about."""

import re

SENTENCE_ENDS = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f", "\u0964", "\u061f", "\u06d4")
CLOSERS = "\"')\\]\u201d\u2019\u00bb\u300d\u300f\uff09"
"""What may close after a sentence's end, as the inside of a regex's brackets."""

# Thai, Lao, Burmese, Khmer, kana and Han, which put no blanks between words.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
_WORD = re.compile(rf"[{_UNSPACED}]\u2026?|[^\s{_UNSPACED}]+")
_TERM = re.compile(rf"[{_UNSPACED}]{{2}}|[^\W_{_UNSPACED}]+")
_LEAST_TERM_CHARS = 4
_STEM_CHARS = 6
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """about above after also because been before being between both could does document during each from
        have having here into itself just main more most much must only other over same should some such
        summary text than that their them then there these they this those through under until very were
        what when where which while will with would your""",
    )
)
_ENGLISH = frozenset(re.findall(r"\w+", "the of and to in is a that for on with are as by it be this was"))
_ENGLISH_NAMES = re.compile(
    r"engl|engels|angl|ingl|angiel|\ben\b|английск|англійськ|αγγλικ|英|영어", re.IGNORECASE
)
_LEAST_ENGLISH_SHARE = 0.12


def count_words(text: str) -> int:
    """Pieces between blanks; where a script has none, each character counts."""
    return sum(1 for _ in _WORD.finditer(text))


def first_words(text: str, count: int) -> str:
    """The text up to the end of its `count`-th word."""
    end = 0
    for number, word in enumerate(_WORD.finditer(text)):
        if number == count:
            break
        end = word.end()
    return text[:end]


def terms(text: str) -> list[str]:
    """What a text is about: its longer words, shortened to a stem; pairs of characters without blanks."""
    found = (match[0].lower() for match in _TERM.finditer(text))
    return [term[:_STEM_CHARS] for term in found if _is_telling(term)]


def stems(text: str) -> list[str]:
    """All of a text's words, shortened as `terms` are."""
    return [match[0].lower()[:_STEM_CHARS] for match in _TERM.finditer(text)]


def _is_telling(term: str) -> bool:
    if not term.isascii() and len(term) == 2:
        return True
    return term.isdigit() or (len(term) >= _LEAST_TERM_CHARS and term not in _FUNCTION_WORDS)


def looks_english(text: str) -> bool:
    """Whether the commonest English words make up as much of it as they do of English."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text[:20_000])]
    return sum(word in _ENGLISH for word in words) >= _LEAST_ENGLISH_SHARE * max(len(words), 1)


def means_english(language: str) -> bool:
    """Whether that is what someone calls English, in their own language or as a code."""
    return _ENGLISH_NAMES.search(language) is not None
