"""Files that options name: labels, prompts, schemas. Each is read whole, so it must be a file that ends."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from producer.errors import UserError
from producer.plain import shown


def read_text(file: Path) -> str:
    """Its text, with or without a byte order mark; raises UserError with the file and the remedy."""
    try:
        if file.exists() and not file.is_file():
            raise UserError(f"{file} is no regular file: save what it gives, and name that file")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8; save it as UTF-8") from error


def from_json(file: Path, text: str, remedy: str) -> Any:
    """What the text of a JSON file holds; raises UserError, also where an object has a name twice."""
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except RecursionError as error:
        raise UserError(f"{file} is nested too deep to be read; {remedy}") from error
    except ValueError as error:
        raise UserError(f"{file} is not JSON that can be read: {error}; {remedy}") from error


def _without_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)} is there twice")
        found[name] = value
    return found
