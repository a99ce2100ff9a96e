"""From logits to the next tokens.

A draw is decided by the sequence's seed and the number of its tokens, never by the state of a shared
generator: it is the same alone, in company, and after a preemption, up to the rounding of the logits. That
depends on a step's company, so it moves a draw that falls within its breadth of a border: between two tokens
next to each other in the vocabulary, or around those that a filter keeps. The rows of a step are treated
together, and what no row asks for costs nothing.
"""

from collections import defaultdict
from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from engine.bitmask import keep_allowed
from engine.draw import Filters, draw
from engine.logprobs import OwnAndTop, TokenLogprobs, token_logprobs
from engine.penalties import penalize
from engine.seeds import uniform
from engine.sequence import Chunk
from engine.upload import upload
from engine.work import NOT_FINITE, Generation, NoToken, Sampled

NONE_ALLOWED = "the constraint allows no token that the model has: change it"


@dataclass(frozen=True, slots=True)
class Samples:
    """The next token of each chunk's sequence, on the device; nothing was waited for to make it.

    `token_ids`: [len(chunks)] int64, always tokens of the vocabulary. `packed`: [num_values] float64, which
    holds every id as it is.
    """

    chunks: Seq[Chunk]
    token_ids: torch.Tensor
    packed: torch.Tensor
    logprobs: TokenLogprobs

    def unpack(self, host_copy: torch.Tensor) -> list[Sampled | NoToken]:
        """The tokens, or why there is none, from a copy of `packed`; in the chunks' order."""
        flags = host_copy[: 3 * len(self.chunks)].view(3, -1).tolist()
        logprobs = self.logprobs.unpack(host_copy[3 * len(self.chunks) :])
        return [
            _sampled(int(token_id), bool(of_model), bool(of_allowed), logprobs.get(row))
            for row, (token_id, of_model, of_allowed) in enumerate(zip(*flags, strict=True))
        ]


def sample(logits: torch.Tensor, chunks: Seq[Chunk]) -> Samples:
    """The next token after each chunk; logits: [len(chunks), vocab_size] float32, of their last tokens."""
    works = [_generation(chunk) for chunk in chunks]
    scores = penalize(logits, [chunk.sequence for chunk in chunks], [work.sampling for work in works])
    scores = keep_allowed(scores, [work.matcher.bitmask if work.matcher else None for work in works])
    best, token_ids = scores.max(-1)
    # A greatest value is NaN where any is, and -inf where all are.
    best_of_model = best if scores is logits else logits.amax(-1)
    for filters, rows in _random_rows(works).items():
        numbers = [uniform(works[row].seed, chunks[row].end) for row in rows]
        token_ids = _drawn_at(rows, token_ids, scores, filters, numbers)
    logprobs = token_logprobs(logits, token_ids, [work.sampling.logprobs for work in works])
    flags = torch.stack([token_ids, best_of_model.isfinite(), best.isfinite()]).double()
    return Samples(chunks, token_ids, torch.cat([flags.flatten(), logprobs.packed]), logprobs)


def _generation(chunk: Chunk) -> Generation:
    assert isinstance(chunk.sequence.work, Generation)
    return chunk.sequence.work


def _random_rows(works: Seq[Generation]) -> dict[Filters, list[int]]:
    """The rows that are drawn, by how: a job's rows are all drawn alike."""
    rows: defaultdict[Filters, list[int]] = defaultdict(list)
    for row, work in enumerate(works):
        if work.sampling.temperature > 0:
            rows[Filters.of(work.sampling)].append(row)
    return rows


def _drawn_at(
    rows: list[int], token_ids: torch.Tensor, scores: torch.Tensor, filters: Filters, numbers: list[float]
) -> torch.Tensor:
    """The token ids, with drawn ones in these rows, which ascend."""
    if len(rows) == len(token_ids):
        return draw(scores, filters, numbers)
    places = upload(rows, torch.int64, scores.device)
    return token_ids.index_copy(0, places, draw(scores.index_select(0, places), filters, numbers))


def _sampled(
    token_id: int, of_model: bool, of_allowed: bool, logprobs: OwnAndTop | None
) -> Sampled | NoToken:
    """What came of a row; whether the best of the model's logits and of those allowed are finite."""
    if not (of_model and of_allowed):
        return NoToken(NONE_ALLOWED if of_model else NOT_FINITE)
    return Sampled(token_id) if logprobs is None else Sampled(token_id, logprobs.own, logprobs.top)
