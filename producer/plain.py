"""Others' words on our terminal."""

from reprlib import Repr


def plain(text: str) -> str:
    """The text without characters that could move the cursor, hide or reorder what stands beside it."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)


def shown(value: object) -> str:
    """The value as Python writes it, its middle left out where it is long: also one that fills the memory."""
    short = Repr()
    short.maxstring, short.maxother, short.maxlevel = 80, 80, 3
    return short.repr(value)[:120]
