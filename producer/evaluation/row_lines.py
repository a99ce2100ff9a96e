"""Which rows were compared and which left out, in words."""

from collections.abc import Iterable

from producer.evaluation.joining import RowCounts


def row_lines(rows: RowCounts, abstained: int) -> list[str]:
    """What was compared, and what was left out."""
    failed = rows.compared - rows.answered
    lines = [f"{num_rows(rows.compared)} compared, {rows.answered - abstained:,} with an answer"]
    if abstained:
        lines[0] += f", {abstained:,} left open"
    if failed:
        codes = ", ".join(f"{code} {times:,}" for code, times in rows.failed.items())
        lines[0] += f", {failed:,} not ok ({codes})"
    if failed or abstained:
        lines.append("rows without an answer count as wrong, and as 0 in ROUGE")
    if rows.without_outcome:
        lines.append(
            f"left out: {num_rows(rows.without_outcome)} of the truth that the results don't have, "
            f"as {_examples(rows.without_outcome_examples)}"
        )
    if rows.without_truth:
        lines.append(
            f"left out: {num_rows(rows.without_truth)} of the results that the truth doesn't have, "
            f"as {_examples(rows.without_truth_examples)}"
        )
    if rows.without_value:
        lines.append(f"left out: {num_rows(rows.without_value)} whose truth is empty")
    return lines


def num_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _examples(ids: Iterable[str]) -> str:
    return ", ".join(map(repr, ids))
