"""Truth and outcomes of the same rows, side by side."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from producer.errors import UserError
from producer.evaluation.answers import Answer
from producer.evaluation.results import Results
from producer.evaluation.truth import Truth

TruthT = TypeVar("TruthT")
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Pair(Generic[TruthT]):
    """A row's truth and its answer, None where it failed; the text where the truth's table has it."""

    id: str
    truth: TruthT
    answer: Answer | None
    text: str | None


@dataclass(frozen=True, slots=True)
class RowCounts:
    """`compared` rows have a truth and an outcome: `answered` ones, and failed ones by their codes.

    Left out are rows of the truth without an outcome, outcomes without a row of the truth, and outcomes whose
    row of the truth says nothing; of the first two there are examples.
    """

    compared: int
    answered: int
    failed: dict[str, int]
    without_outcome: int
    without_outcome_examples: tuple[str, ...]
    without_truth: int
    without_truth_examples: tuple[str, ...]
    without_value: int

    def share_of_truth(self, right: int) -> float | None:
        """Of all rows of the truth, those without an outcome as wrong; None where every row has one."""
        return right / (self.compared + self.without_outcome) if self.without_outcome else None


def join(truth: Truth[TruthT], results: Results) -> tuple[list[Pair[TruthT]], RowCounts]:
    """In the truth's order; raises `UserError` where no id is on both sides."""
    ends = Counter(code for row_id, code in results.ends.items() if row_id in truth.values)
    known = results.answers.keys() | results.ends.keys()
    pairs = [
        Pair(row_id, value, results.answers.get(row_id), truth.texts.get(row_id))
        for row_id, value in truth.values.items()
        if row_id in known
    ]
    if not pairs:
        raise UserError(_nothing_in_common(truth, results))
    missing = [row_id for row_id in truth.values if row_id not in known]
    known_truth = truth.values.keys() | truth.empty
    extra = [row_id for row_id in (*results.answers, *results.ends) if row_id not in known_truth]
    counts = RowCounts(
        compared=len(pairs),
        answered=sum(pair.answer is not None for pair in pairs),
        failed=dict(ends.most_common()),
        without_outcome=len(missing),
        without_outcome_examples=tuple(missing[:_EXAMPLES]),
        without_truth=len(extra),
        without_truth_examples=tuple(extra[:_EXAMPLES]),
        without_value=len(truth.empty & known),
    )
    return pairs, counts


def _nothing_in_common(truth: Truth[TruthT], results: Results) -> str:
    theirs = ", ".join(map(repr, islice((*results.answers, *results.ends), _EXAMPLES))) or "none"
    ours = ", ".join(map(repr, islice(truth.values, _EXAMPLES))) or "none"
    return (
        f"no row of {results.name} is in {truth.name}: ids there are {theirs}, here {ours}; name the column "
        "of the truth that holds the results' ids with --id-field"
    )
