"""Which jobs are submitted: drawn from the seed, too, a job of its own for each number."""

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.manifest import Priority, ResultFormat

_WORDS = ("ticket", "billing", "account", "page", "quick", "fox", "dog", "jumps", "bug", "login", "invoice")
_SHARE_EMPTY = 0.02

# What a job learns from a sample of its rows is no matter of one row, which is how ends are foretold.
_NO_SAMPLE = ("--calibration", "content-free")
_ASKED: dict[str, Sequence[tuple[str, ...]]] = {
    "generate": [("--max-tokens", "8")],
    "classify": [
        ("--labels", "billing,bug,account", *_NO_SAMPLE),
        ("--labels", "yes,no", "--label-only", *_NO_SAMPLE),
    ],
    "summarize": [("--max-words", "10", "--section-tokens", "64")],
    "embed": [()],
}
_MAX_WORDS = {"generate": 12, "classify": 12, "summarize": 40, "embed": 12}
_MAX_ROWS = {"generate": 400, "classify": 400, "summarize": 80, "embed": 400}


@dataclass(frozen=True, slots=True)
class InputRow:
    """One line of the input; an empty body is the row's own fault, and fails."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class JobOrder:
    """One submission, and what the command is told."""

    number: int
    kind: str
    asked: tuple[str, ...]
    rows: tuple[InputRow, ...]
    shard_rows: int
    priority: Priority
    result_format: ResultFormat

    @property
    def arguments(self) -> list[str]:
        """What stands after the input's name."""
        given = [*self.asked, "--text-field", "body", "--id-field", "id"]
        given += ["--shard-rows", str(self.shard_rows), "--priority", self.priority.value]
        return [*given, "--format", self.result_format.value]

    @property
    def is_table(self) -> bool:
        return self.number % 2 == 0

    @property
    def suffix(self) -> str:
        return "csv" if self.is_table else "jsonl"

    def encoded(self) -> str:
        """The input file's text."""
        records = [{"id": row.id, "body": row.body} for row in self.rows]
        if not self.is_table:
            return "".join(f"{json.dumps(record)}\n" for record in records)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["id", "body"])
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue()


def draw_order(seed: int, number: int) -> JobOrder:
    """The job with this number."""
    draw = random.Random(f"{seed}/{number}")
    kind = draw.choice(sorted(_ASKED))
    num_rows = draw.randint(1, _MAX_ROWS[kind])
    return JobOrder(
        number=number,
        kind=kind,
        asked=draw.choice(_ASKED[kind]),
        rows=tuple(_draw_row(draw, number, row_no, _MAX_WORDS[kind]) for row_no in range(num_rows)),
        shard_rows=draw.choice((1, 7, 16, 40)) if num_rows < 100 else draw.choice((16, 40)),
        priority=draw.choice(tuple(Priority)),
        result_format=draw.choice(tuple(ResultFormat)),
    )


def _draw_row(draw: random.Random, number: int, row_no: int, max_words: int) -> InputRow:
    words = draw.choices(_WORDS, k=draw.randint(1, max_words))
    # No two rows of a run have the same text, so that a stranger's answer is known as one.
    body = f"{number} {row_no} {' '.join(words)}"
    return InputRow(f"row-{row_no}", "" if draw.random() < _SHARE_EMPTY else body)
