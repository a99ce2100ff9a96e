"""Which rows were compared and which left out, in words."""

from collections.abc import Iterable

from producer.evaluation.evaluation import Evaluation, num_abstained
from producer.evaluation.summary_evaluation import SummaryEvaluation


def row_lines(evaluation: Evaluation) -> list[str]:
    """What was compared, how rows without an answer count, and what was left out."""
    rows, abstained = evaluation.rows, num_abstained(evaluation)
    failed = rows.compared - rows.answered
    lines = [f"{num_rows(rows.compared)} compared, {rows.answered - abstained:,} with an answer"]
    if abstained:
        lines[0] += f", {abstained:,} left open"
    if failed:
        codes = ", ".join(f"{code} {times:,}" for code, times in rows.failed.items())
        lines[0] += f", {failed:,} not ok ({codes})"
    if failed or abstained:
        counted = "0 in ROUGE" if isinstance(evaluation, SummaryEvaluation) else "wrong"
        lines.append(f"rows without an answer count as {counted}")
    if rows.without_outcome:
        lines.append(
            f"left out: {num_rows(rows.without_outcome)} of the truth that the results don't have, "
            f"as {_examples(rows.without_outcome_examples)}"
        )
    if rows.without_outcome and not failed:
        lines.append("failed rows are known of a run's folder, a job, and results in csv or parquet")
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
