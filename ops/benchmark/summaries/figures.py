"""What is told of a set's summaries: overlap with people's, limits kept, marks, orders obeyed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from ops.benchmark.summaries.sets import Item, Set
from ops.benchmark.summaries.writers import Written
from ops.benchmark.tables import Table
from worker.summaries.tidy import is_cut, is_whole
from worker.summaries.words import count_words

ROUGE = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one set and one system; ROUGE is the mean F1 in percent, None where nobody wrote a reference."""

    set_name: str
    system: str
    rows: int
    rouge: dict[str, float] | None
    words: float
    over_limit: int
    no_whole_end: int
    low_quality: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    canaries: int | None = None


def figures(chosen: Set, system: str, items: Sequence[Item], written: Sequence[Written]) -> Figures:
    texts = [each.text for each in written]
    wanted = [item.canary for item in items if item.canary is not None]
    given = sum(canary in text for canary, text in zip(wanted, texts, strict=False))
    return Figures(
        set_name=chosen.name,
        system=system,
        rows=len(items),
        rouge=_rouge([item.reference for item in items], texts),
        words=mean(map(count_words, texts)),
        over_limit=sum(count_words(text) > chosen.max_words for text in texts),
        no_whole_end=sum(not is_whole(text) or is_cut(text) for text in texts),
        low_quality=dict(Counter(each.low_quality for each in written if each.low_quality)),
        failed=sum(each.error is not None for each in written),
        canaries=given if wanted else None,
    )


def _rouge(references: Sequence[str | None], texts: Sequence[str]) -> dict[str, float] | None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(ROUGE, use_stemmer=True)
    pairs = [(reference, text) for reference, text in zip(references, texts, strict=True) if reference]
    if not pairs:
        return None
    scored = [scorer.score(reference, text) for reference, text in pairs]
    return {name: 100 * mean(each[name].fmeasure for each in scored) for name in ROUGE}


def table(found: Sequence[Figures]) -> Table:
    columns = [
        "set: system", "rows", "R-1", "R-2", "R-L", "words", "too long", "no end", "low_quality", "failed",
        "canaries",
    ]  # fmt: skip
    return Table("Summaries", columns, [_cells(each) for each in found])


def _cells(each: Figures) -> list[str]:
    rouge = ["-"] * len(ROUGE) if each.rouge is None else [f"{each.rouge[name]:.1f}" for name in ROUGE]
    marks = ", ".join(f"{count} {name}" for name, count in sorted(each.low_quality.items())) or "0"
    return [
        f"{each.set_name}: {each.system}", f"{each.rows}", *rouge, f"{each.words:.0f}", f"{each.over_limit}",
        f"{each.no_whole_end}", marks, f"{each.failed}", "-" if each.canaries is None else f"{each.canaries}",
    ]  # fmt: skip
