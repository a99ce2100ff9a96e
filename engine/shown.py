"""What was given, as a message shows it: cut where it is long or deep, and never an error of its own."""

from reprlib import Repr
from typing import Any


def shortened(value: Any) -> str:
    """A value's repr, at most a few lines of it."""
    short = Repr()
    short.maxstring, short.maxother, short.maxlevel = 120, 120, 3
    try:
        return short.repr(value)
    except Exception:  # another's `__repr__`, or whole numbers of more than some thousand digits
        return f"a {type(value).__name__} that cannot be written"
