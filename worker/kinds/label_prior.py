"""What each label gets whatever a text says: the mean log-probability after many texts.

A model favours some labels whatever it reads (Zhao et al. 2021, "Calibrate Before Use", arXiv 2102.09690).
The job's own texts show that favour better than texts without content: their mean is batch calibration
(Zhou et al. 2023, arXiv 2309.17249), here over a sample that is fixed for the job. Random words
of them are domain-context calibration (Fei et al. 2023, arXiv 2305.19148).
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence

from jobs.calibration import SAMPLE_SEED, Prior, PriorSource
from jobs.outcome import RowError
from jobs.spec import ClassifySpec

Judge = Callable[[str], Awaitable[Sequence[float]]]
"""From a text to each label's logit."""

_CONTENT_FREE = ("Hello.", "I have a question.", "Can you help me with something?", "Please do it for me.")
_RANDOM_TEXTS = 16


async def learn_prior(spec: ClassifySpec, sample: Sequence[str], judge: Judge) -> Prior:
    """The prior that the spec asks for; texts without content count as four of the sample.

    So a sample of few texts, or of none, as where the rows are documents, is no worse than none.
    Raises RowError where the prompt leaves no text any room.
    """
    if spec.calibration == "none":
        return Prior.nothing(len(spec.labels))
    texts = _random_words(sample) if spec.calibration == "in-domain" else sample
    blank = [await judge(text) for text in _CONTENT_FREE]
    judged = await asyncio.gather(*(_judged(judge, text) for text in texts))
    of_rows = [logits for logits in judged if logits is not None]
    columns = zip(*blank, *of_rows, strict=True)
    return Prior(
        source=_source(spec, len(of_rows)),
        texts=len(of_rows),
        logprobs=tuple(math.fsum(column) / len(column) for column in columns),
    )


async def _judged(judge: Judge, text: str) -> Sequence[float] | None:
    """None for a row that can't be asked: it will fail by itself."""
    try:
        return await judge(text)
    except RowError:
        return None


def _random_words(sample: Sequence[str]) -> list[str]:
    """Texts of the sample's words and of its mean length that say nothing."""
    words = [word for text in sample for word in text.split()]
    if not words:
        return []
    draw = random.Random(SAMPLE_SEED)  # noqa: S311 - draws a sample, guards nothing
    length = max(1, len(words) // len(sample))
    return [" ".join(draw.choices(words, k=length)) for _ in range(_RANDOM_TEXTS)]


def _source(spec: ClassifySpec, num_texts: int) -> PriorSource:
    if not num_texts:
        return PriorSource.CONTENT_FREE
    return PriorSource.WORDS if spec.calibration == "in-domain" else PriorSource.ROWS
