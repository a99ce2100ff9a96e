"""Bytes that are no UTF-8: they pass as surrogates until their row is known, and fail it alone."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from pydantic import JsonValue

_SURROGATE = re.compile("[\ud800-\udfff]")


def decoded_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a UTF-8 file, with or without a byte order mark, undecodable bytes as surrogates."""
    encoding = "utf-8-sig"
    for line in stream:
        yield line.decode(encoding, "surrogateescape")
        encoding = "utf-8"


def is_undecodable(value: JsonValue) -> bool:
    """Whether the value holds, at any depth, what cannot be written as UTF-8."""
    if isinstance(value, str):
        return not value.isascii() and _SURROGATE.search(value) is not None
    if isinstance(value, list):
        return any(map(is_undecodable, value))
    if isinstance(value, dict):
        return any(is_undecodable(key) or is_undecodable(item) for key, item in value.items())
    return False


def with_marks(value: JsonValue) -> JsonValue:
    """The value with U+FFFD where it is undecodable."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [with_marks(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): with_marks(item) for key, item in value.items()}
    return value
