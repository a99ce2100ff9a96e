"""A summarisation's results against reference summaries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from producer.evaluation.answers import Summary
from producer.evaluation.joining import Pair, RowCounts
from producer.evaluation.summary_figures import SummaryFigures, summary_figures
from producer.evaluation.support import Support

FIGURES = (
    *("rouge1", "rouge2", "rouge_l", "supported_sentences", "supported_numbers"),
    *("words", "compression", "repeated"),
)
"""Those that have a mean and a median, in the order of the tables."""
COUNTS_FAILED_AS_0 = frozenset({"rouge1", "rouge2", "rouge_l"})
NUM_WORST = 20


@dataclass(frozen=True, slots=True)
class Read:
    """One row: its texts, its figures, and what of the summary isn't in the source. A failed one has none."""

    id: str
    reference: str
    source: str | None
    summary: str | None
    figures: SummaryFigures | None
    low_quality: str | None
    unsupported: tuple[str, ...]

    def value(self, figure: str) -> float | None:
        """Of a failed row 0 for ROUGE, and else None."""
        if self.figures is None:
            return 0.0 if figure in COUNTS_FAILED_AS_0 else None
        value: float | None = getattr(self.figures, figure)
        return value


@dataclass(frozen=True, slots=True)
class Average:
    """Over the `rows` that have the figure."""

    name: str
    mean: float
    median: float
    rows: int


@dataclass(frozen=True, slots=True)
class WorstSummary:
    """One of those with the lowest ROUGE-L."""

    id: str
    figures: SummaryFigures
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SummaryEvaluation:
    """All of it; shares are of the summaries there are, and None where nothing tells.

    `low_quality` counts the summaries that the job itself has marked, by its reasons.
    """

    rows: RowCounts
    with_source: int
    max_words: int | None
    averages: tuple[Average, ...]
    ends_whole: float | None
    over_limit: float | None
    low_quality: dict[str, int]
    low_quality_share: float | None
    worst: tuple[WorstSummary, ...]
    kind: Literal["summary"] = "summary"


def read_all(
    pairs: Sequence[Pair[str]],
    sources: Mapping[str, str],
    max_words: int | None,
    tell: Callable[[Iterable[Pair[str]]], Iterable[Pair[str]]] = iter,
) -> list[Read]:
    """Each row with its figures; `tell` may show how far it is, for ROUGE takes a while."""
    return [_read(pair, sources.get(pair.id, pair.text), max_words) for pair in tell(pairs)]


def _read(pair: Pair[str], source: str | None, max_words: int | None) -> Read:
    if not isinstance(pair.answer, Summary):
        return Read(pair.id, pair.truth, source, None, None, None, ())
    figures, support = summary_figures(pair.answer.text, pair.truth, source, max_words)
    return Read(
        id=pair.id,
        reference=pair.truth,
        source=source,
        summary=pair.answer.text,
        figures=figures,
        low_quality=pair.answer.low_quality,
        unsupported=_unsupported(support),
    )


def _unsupported(support: Support | None) -> tuple[str, ...]:
    return () if support is None else support.unsupported


def evaluate_summaries(reads: Sequence[Read], rows: RowCounts, max_words: int | None) -> SummaryEvaluation:
    """Failed rows count 0 for ROUGE, and are left out elsewhere."""
    averages = ((name, [v for read in reads if (v := read.value(name)) is not None]) for name in FIGURES)
    figures = [read.figures for read in reads if read.figures is not None]
    marks = [read.low_quality for read in reads if read.low_quality is not None]
    return SummaryEvaluation(
        rows=rows,
        with_source=sum(read.source is not None for read in reads),
        max_words=max_words,
        averages=tuple(Average(name, fmean(v), median(v), len(v)) for name, v in averages if v),
        ends_whole=_share([each.ends_whole for each in figures]),
        over_limit=_share([each.over_limit for each in figures if each.over_limit is not None]),
        low_quality={mark: marks.count(mark) for mark in sorted(set(marks))},
        low_quality_share=len(marks) / len(figures) if figures else None,
        worst=tuple(_worst(reads)),
    )


def _share(answers: Sequence[bool]) -> float | None:
    return fmean(answers) if answers else None


def _worst(reads: Sequence[Read]) -> list[WorstSummary]:
    found = [WorstSummary(read.id, read.figures, read.unsupported) for read in reads if read.figures]
    return sorted(found, key=lambda each: each.figures.rouge_l)[:NUM_WORST]
