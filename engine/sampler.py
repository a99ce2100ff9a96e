"""From logits to the next tokens.

A draw is decided by the sequence's seed and the number of its tokens, never by the state of a shared
generator: it is the same alone, in company, and after a preemption, up to the rounding of the logits. That
depends on a step's company, so it moves a draw that falls within its breadth of a border: between two tokens
next to each other in the vocabulary, or around those that a filter keeps. The rows of a step are treated
together, and what no row asks for costs nothing.
"""

from collections import defaultdict
from collections.abc import Sequence as Seq

import torch

from engine.bitmask import keep_allowed
from engine.draw import Filters, draw
from engine.logprobs import TokenLogprobs, token_logprobs
from engine.penalties import penalize
from engine.seeds import uniform
from engine.sequence import Sequence
from engine.work import NOT_FINITE, Generation, NoToken, Sampled

NONE_ALLOWED = "the constraint allows no token that the model has: change it"


def sample(logits: torch.Tensor, sequences: Seq[Sequence]) -> list[Sampled | NoToken]:
    """The next token of each sequence, or why there is none; logits: [len(sequences), vocab_size] float32."""
    works = [_generation(sequence) for sequence in sequences]
    scores = penalize(logits, sequences, [work.sampling for work in works])
    scores = keep_allowed(scores, [work.matcher.bitmask if work.matcher else None for work in works])
    likeliest = scores.max(-1)
    reasons = _reasons_for_none(logits, likeliest.values)
    token_ids: list[int] = likeliest.indices.tolist()
    for filters, rows in _random_rows(works, reasons).items():
        numbers = [uniform(works[row].seed, len(sequences[row].token_ids)) for row in rows]
        for row, token_id in zip(rows, draw(scores[rows], filters, numbers), strict=True):
            token_ids[row] = token_id
    logprobs = token_logprobs(logits, token_ids, [work.sampling.logprobs for work in works])
    return [
        NoToken(reason) if reason else _sampled(token_id, found)
        for reason, token_id, found in zip(reasons, token_ids, logprobs, strict=True)
    ]


def _generation(sequence: Sequence) -> Generation:
    assert isinstance(sequence.work, Generation)
    return sequence.work


def _reasons_for_none(logits: torch.Tensor, best_scores: torch.Tensor) -> list[str | None]:
    """Per row why no token can be chosen: a greatest value is NaN where any is, and -inf where all are."""
    are_finite = torch.stack([logits.amax(-1).isfinite(), best_scores.isfinite()], dim=-1)
    return [
        NOT_FINITE if not of_model else NONE_ALLOWED if not of_allowed else None
        for of_model, of_allowed in are_finite.tolist()
    ]


def _random_rows(works: Seq[Generation], reasons: Seq[str | None]) -> dict[Filters, list[int]]:
    """The rows that are drawn, by how: a job's rows are all drawn alike."""
    rows: defaultdict[Filters, list[int]] = defaultdict(list)
    for row, (work, reason) in enumerate(zip(works, reasons, strict=True)):
        if work.sampling.temperature > 0 and reason is None:
            rows[Filters.of(work.sampling)].append(row)
    return rows


def _sampled(token_id: int, logprobs: TokenLogprobs | None) -> Sampled:
    return Sampled(token_id) if logprobs is None else Sampled(token_id, logprobs.own, logprobs.top)
