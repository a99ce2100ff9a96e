"""Make a model's answer a summary: whole sentences, each said once, within the word limit."""

import re

from worker.sections import sentences

_LIST_NUMBER = re.compile(r"(?:^|(?<=[.:!?]\s))\d{1,2}[.)]\s+", re.MULTILINE)
_WORD = re.compile(r"\w+")
_ALIKE = 0.8


def tidy_summary(text: str, max_words: int) -> str:
    """The first whole sentences of `text` that fit in `max_words` words, without those that repeat others.

    Where not even the first one fits or is whole, it is cut at the limit, and an ellipsis says so.
    """
    paragraph = " ".join(_LIST_NUMBER.sub("", text + " ").split())
    kept: list[str] = []
    num_words = 0
    for sentence in sentences(paragraph):
        if any(_alike(sentence, earlier) for earlier in kept):
            continue
        num_words += len(sentence.split())
        if num_words > max_words or not _is_whole(sentence):
            break
        kept.append(sentence)
    return " ".join(kept) or _cut(paragraph, max_words)


def _alike(sentence: str, earlier: str) -> bool:
    """Whether most of a sentence's words stand in an earlier one."""
    words = set(_WORD.findall(sentence.lower()))
    return len(words & set(_WORD.findall(earlier.lower()))) >= _ALIKE * len(words)


def _is_whole(sentence: str) -> bool:
    return sentence.rstrip("\"')]").endswith((".", "!", "?"))


def _cut(text: str, max_words: int) -> str:
    words = text.split()[:max_words]
    # The ellipsis joins the last word, so that the limit holds however words are counted.
    return f"{' '.join(words).rstrip(',;:')}…" if words else ""
