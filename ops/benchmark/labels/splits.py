"""Which rows are labelled, and which are learned from: fixed by a seed, and without overlap."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, str]

CLINC = "tickets_clinc_domains_val.jsonl"
BANKING = "tickets_banking77_train.jsonl"
NUM_TEST = 1000
NUM_HISTORY = 1000
BANKING_ROWS_A_LABEL = 30
_SEED = 7
_NOT_A_DOMAIN = "out_of_scope"


@dataclass(frozen=True, slots=True)
class Split:
    """`test` is labelled; `pool` holds the other rows, of which some are learned from."""

    test: Sequence[Row]
    pool: Sequence[Row]

    @property
    def labels(self) -> list[str]:
        return sorted({row["label"] for row in self.test})


def clinc(folder: Path) -> Split:
    """CLINC's ten domains; the first 1,000 rows after shuffling are labelled."""
    rows = _shuffled([row for row in _read(folder / CLINC) if row["label"] != _NOT_A_DOMAIN], _SEED)
    return Split(rows[:NUM_TEST], rows[NUM_TEST:])


def banking(folder: Path) -> Split:
    """Banking77: the first 30 rows of each label are learned from, and the next 1,000 rows labelled."""
    taken, others = _first_of_each(_shuffled(_read(folder / BANKING), _SEED), BANKING_ROWS_A_LABEL)
    return Split(others[:NUM_TEST], taken)


def some_of_each(pool: Iterable[Row], num: int, seed: int) -> list[Row]:
    """`num` rows of each label, drawn by the seed."""
    return _first_of_each(_shuffled(pool, seed), num)[0]


def write(rows: Iterable[Row], file: Path) -> Path:
    """As JSON lines with id, text and label."""
    kept = [{name: row[name] for name in ("id", "text", "label")} for row in rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return file


def _read(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _shuffled(rows: Iterable[Row], seed: int) -> list[Row]:
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    return shuffled


def _first_of_each(rows: Iterable[Row], num: int) -> tuple[list[Row], list[Row]]:
    """The first `num` rows of each label, and the others, both in order."""
    seen: Counter[str] = Counter()
    first: list[Row] = []
    others: list[Row] = []
    for row in rows:
        seen[row["label"]] += 1
        (first if seen[row["label"]] <= num else others).append(row)
    return first, others
