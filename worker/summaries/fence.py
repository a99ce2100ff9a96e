"""A document's text is data: it can't end its own fence, and spells no control token of a chat.

A small model says the fence's tags after us, or others of their kind; they are no part of a summary.
"""

import re

OPENING, CLOSING = "<document>", "</document>"

# Zero-width and bidirectional marks and Unicode's tags hide text from people, and break up what is looked
# for here. The joiners (U+200C, U+200D) are letters to Persian and Hindi, so they stay.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_ANGLE = "[<\uff1c\u2039\u3008\u27e8]"
_TAGS = "document|system|user|assistant|instructions?|start_of_turn|end_of_turn|bos|eos|s|think|tool_call"
# Blanks are passed possessively, for a document of nothing else must not cost its square.
# Of each, the first character is replaced by one that begins nothing: what is left can't be one again.
_LOOK_ALIKES = re.compile(
    rf"{_ANGLE}(?=\s*+[|\uff5c])|{_ANGLE}(?=\s*+/?+\s*+(?:{_TAGS})\s*+[>\uff1e\u203a\u3009\u27e9])"
    rf"|\[(?=/?INST\])|{_ANGLE}(?={_ANGLE}/?SYS)",
    re.IGNORECASE,
)
# What models put around a text, and around an answer; the last tag may be cut off.
_AROUND_TEXT = "document|documents|doc|text|source|article|content|passage|section|notes?|input|transcript"
_AROUND_ANSWER = "summary|headline|answer|output|response"
_TAG = re.compile(rf"</?({_AROUND_TEXT}|{_AROUND_ANSWER})(?:\s[^<>\n]{{0,40}})?(?:>|$)", re.IGNORECASE)
_ECHO = re.compile(rf"[-*\u2022\s]*</?({_AROUND_TEXT})[\s>]", re.IGNORECASE)


def as_data(text: str) -> str:
    """The text without hidden characters, and without look-alikes of control tokens and of the fence."""
    return _LOOK_ALIKES.sub("(", _INVISIBLE.sub("", text))


def fenced(text: str) -> str:
    """The text, as `as_data` gives it, between the two marks."""
    return f"{OPENING}\n{text}\n{CLOSING}"


def without_tags(answer: str, source: str) -> str:
    """The answer without the tags that can't be its source's; that is what `as_data` gave."""
    own = _tag_names(source)
    return _TAG.sub(lambda tag: tag[0] if tag[1].lower() in own else " ", answer)


def begins_with_echo(answer: str, source: str) -> bool:
    """Whether the answer begins with the tag before the text, as what is likely the text again does."""
    tag = _ECHO.match(answer)
    return tag is not None and tag[1].lower() not in _tag_names(source)


def _tag_names(text: str) -> set[str]:
    return {tag[1].lower() for tag in _TAG.finditer(text)}
