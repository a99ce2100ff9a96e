"""What files leave in a text that is no part of it."""

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff]")
_LIGATURES = re.compile(r"[\ufb00-\ufb06]")
_ODD_SPACES = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_RUN_OF_SPACES = re.compile(r"(?<=\S)[ \t]{2,}|\t(?<=\S\t)")
# The look behind each of these keeps a search from starting anew at every character of one long run.
_TRAILING_SPACES = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n{3,}")
_HYPHENATED = re.compile(r"(?<!\w)(?=(\w+-\w+))")  # looking ahead, so that `out-of-scope` counts as two pairs
_DIVIDED = re.compile(r"(?<![^\W\d_])([^\W\d_]+)-[ \t]*\n[ \t]*([^\W\d_A-Z]\w*)")


def clean(text: str) -> str:
    """Drop what nobody sees, write ligatures out, shorten runs of blanks; indentation and paragraphs stay."""
    text = _LINE_ENDS.sub("\n", _whole_characters(text))
    text = _INVISIBLE.sub("", text)
    text = _LIGATURES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _ODD_SPACES.sub(" ", text)
    text = _RUN_OF_SPACES.sub(" ", text)
    text = _TRAILING_SPACES.sub("", text)
    return _EMPTY_LINES.sub("\n\n", text).strip()


def join_hyphenated(text: str) -> str:
    """Put words together again that were divided at a line's end.

    `task-⏎oriented` keeps its hyphen where the text has `task-oriented` within a line, too.
    """
    hyphenated = {match[1].lower() for match in _HYPHENATED.finditer(text)}

    def joined(match: re.Match[str]) -> str:
        start, end = match[1], match[2]
        return f"{start}-{end}" if f"{start}-{end}".lower() in hyphenated else start + end

    return _DIVIDED.sub(joined, text)


def _whole_characters(text: str) -> str:
    """Some PDFs yield surrogates, which UTF-8 cannot hold: pairs become a character, others U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
