"""What can be counted of one summary."""

from collections.abc import Sequence
from dataclasses import dataclass

from producer.evaluation.rouge import rouge
from producer.evaluation.support import Support, support
from producer.evaluation.words import ends_whole, words

REPEATED_WORDS = 3


@dataclass(frozen=True, slots=True)
class SummaryFigures:
    """One summary's figures; None where there is nothing to compare with.

    `compression` is the summary's words over the source's; `repeated` the share of its three-word runs that
    it has said before.
    """

    rouge1: float
    rouge2: float
    rouge_l: float
    words: int
    compression: float | None
    supported_sentences: float | None
    supported_numbers: float | None
    repeated: float
    ends_whole: bool
    over_limit: bool | None


def summary_figures(
    summary: str, reference: str, source: str | None, max_words: int | None
) -> tuple[SummaryFigures, Support | None]:
    """The figures, and what of the summary stands in its source where there is one."""
    scores = rouge(reference, summary)
    num_words = len(summary.split())
    num_source_words = len(source.split()) if source is not None else 0
    found = support(summary, source) if source is not None and num_source_words and num_words else None
    figures = SummaryFigures(
        rouge1=scores.rouge1,
        rouge2=scores.rouge2,
        rouge_l=scores.rouge_l,
        words=num_words,
        compression=num_words / num_source_words if num_source_words else None,
        supported_sentences=None if found is None else found.sentences,
        supported_numbers=None if found is None else found.numbers,
        repeated=repeated(words(summary)),
        ends_whole=ends_whole(summary),
        over_limit=None if max_words is None else num_words > max_words,
    )
    return figures, found


def repeated(said: Sequence[str], run_words: int = REPEATED_WORDS) -> float:
    """The share of runs of `run_words` words that have come before; 0 where there is no run."""
    runs = [tuple(said[start : start + run_words]) for start in range(len(said) - run_words + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
