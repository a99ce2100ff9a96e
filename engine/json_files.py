"""JSON files of other people's making. Imports no torch."""

import json
from pathlib import Path
from typing import Any

from engine.errors import ModelError


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file, empty where there is no such file; raises ModelError."""
    content = _read(path, {})
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object: it holds a {type(content).__name__}")
    return content


def read_json_list(path: Path) -> list[Any]:
    """The list in a file, empty where there is no such file; raises ModelError."""
    content = _read(path, [])
    if not isinstance(content, list):
        raise ModelError(f"{path} is not a JSON list: it holds a {type(content).__name__}")
    return content


def read_text(path: Path) -> str | None:
    """None if there is no such file; raises ModelError."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeError) as error:
        raise ModelError(f"{path} cannot be read as UTF-8: {error}") from error


def _read(path: Path, default: Any) -> Any:
    if (text := read_text(path)) is None:
        return default
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
