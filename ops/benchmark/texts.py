"""The two data sets, as the folder given with --data holds them: JSON lines."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

TICKETS = "tickets_clinc_domains_val.jsonl"
SEGMENTS = "summ_qmsum_segments_val.jsonl"
SEED = 7

T = TypeVar("T")


class DataMissing(Exception):
    """A data set is not there, or is not what it should be; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A message and the domain that people gave it."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a meeting, and what is asked of it."""

    document: str
    query: str


def tickets(folder: Path | None) -> list[Ticket]:
    """CLINC's messages that have a domain, in an order of our own."""
    rows = [Ticket(row["text"], row["label"]) for row in _rows(folder, TICKETS, ("text", "label"))]
    return _shuffled([row for row in rows if row.label != "out_of_scope"])


def segments(folder: Path | None) -> list[Segment]:
    """QMSum's segments, in an order of our own."""
    rows = _rows(folder, SEGMENTS, ("document", "query"))
    return _shuffled([Segment(row["document"], row["query"]) for row in rows])


def part(rows: list[T], number: int, size: int) -> list[T]:
    """The rows of round `number`: other ones in each."""
    start = number * size
    if start + size > len(rows):
        raise DataMissing(
            f"round {number + 1} needs rows {start + 1} to {start + size}; there are {len(rows)}"
        )
    return rows[start : start + size]


def _rows(folder: Path | None, name: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    if folder is None:
        raise DataMissing(f"it needs {name}: name its folder with --data")
    try:
        rows = [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise DataMissing(f"{folder / name} cannot be read: {error}") from error
    if missing := [field for field in fields if any(field not in row for row in rows)]:
        raise DataMissing(f"{folder / name} has rows without {', '.join(missing)}")
    return rows


def _shuffled(rows: list[T]) -> list[T]:
    return random.Random(SEED).sample(rows, len(rows))  # noqa: S311
