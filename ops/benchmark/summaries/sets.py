"""What is summarised: rows of three data sets, and documents that give orders."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.benchmark.summaries.injections import injections
from ops.benchmark.texts import SEED, DataMissing


@dataclass(frozen=True, slots=True)
class Item:
    """A document, what people wrote of it, and what was asked; or the word that it wants to be said."""

    document: str
    reference: str | None = None
    focus: str | None = None
    canary: str | None = None


@dataclass(frozen=True, slots=True)
class Set:
    """Items and the word limit of their summaries; `baseline_rows` are generated at a time."""

    name: str
    title: str
    max_words: int
    baseline_rows: int
    items: Callable[[Path | None], list[Item]]


def _rows(name: str, sampled: int | None) -> Callable[[Path | None], list[Item]]:
    def items(folder: Path | None) -> list[Item]:
        rows = _read(folder, name)
        chosen = rows if sampled is None else random.Random(SEED).sample(rows, len(rows))[:sampled]  # noqa: S311
        return [Item(row["document"], row["summary"], row.get("query")) for row in chosen]

    return items


def _read(folder: Path | None, name: str) -> list[dict[str, Any]]:
    if folder is None:
        raise DataMissing(f"it needs {name}: name its folder with --data")
    try:
        return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise DataMissing(f"{folder / name} cannot be read: {error}") from error


def _orders(_: Path | None) -> list[Item]:
    return [Item(each.document, canary=each.canary) for each in injections()]


_ALL = (
    Set("scitldr", "100 abstracts, 30 words", 30, 8, _rows("summ_scitldr_dev.jsonl", 100)),
    Set("qmsum", "40 meetings' parts, 80 words", 80, 2, _rows("summ_qmsum_segments_val.jsonl", 40)),
    Set("crs", "11 long reports, 300 words", 300, 1, _rows("summ_crs_dev.jsonl", None)),
    Set("injections", "32 documents that give orders, 40 words", 40, 8, _orders),
)
SETS = {each.name: each for each in _ALL}
