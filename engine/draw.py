"""Draw tokens at a temperature from what the filters leave."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Self

import torch

from engine.request import Sampling
from engine.upload import upload


@dataclass(frozen=True, slots=True)
class Filters:
    """How a token is drawn; they apply in this order, which is transformers'."""

    temperature: float
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    @classmethod
    def of(cls, sampling: Sampling) -> Self:
        """Those of a request."""
        return cls(sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p)


def draw(scores: torch.Tensor, filters: Filters, numbers: Seq[float]) -> torch.Tensor:
    """Token ids [rows] int64 from scores [rows, vocab_size] float32; the numbers, from [0, 1), decide which.

    Nothing is waited for. Of a row that is not finite comes some token of the vocabulary.
    """
    probabilities, token_ids = candidates(scores, filters)
    # Float64, because over a large vocabulary the sum in float32 loses the unlikely tokens.
    cumulative = probabilities.double().cumsum(-1)
    total = cumulative[:, -1:]
    wanted = total * upload(numbers, torch.float64, scores.device)[:, None]
    # Below the total even where rounding says otherwise: what is beyond it has been filtered out.
    wanted = torch.minimum(wanted, torch.nextafter(total, torch.zeros_like(total)))
    places = torch.searchsorted(cumulative, wanted, right=True)
    # Beyond the last only in a row that is not finite; to look there would break the device.
    places = places.clamp_(max=cumulative.shape[-1] - 1)
    return (places if token_ids is None else token_ids.gather(1, places))[:, 0]


def candidates(scores: torch.Tensor, filters: Filters) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Probabilities, 0 for what is left out, and their token ids, both [rows, candidates].

    The probabilities need not sum to 1. They are in the vocabulary's order, not by rank: two tokens that are
    almost equally likely would change places with the rounding of a step in other company, and the same
    number would draw the other one. No ids mean all tokens.
    """
    scores, token_ids, vocab_size = _scaled(scores, filters.temperature), None, scores.shape[-1]
    if filters.top_k is not None or filters.top_p is not None:
        scores, token_ids = scores.topk(min(filters.top_k or vocab_size, vocab_size))
    probabilities = scores.softmax(-1)
    if filters.top_p is not None:
        # The fewest of the likeliest whose sum reaches top_p: those before which it is not reached.
        before = probabilities.cumsum(-1) - probabilities
        left_out = before >= filters.top_p
        left_out[:, 0] = False  # even if the smallest top_p is 0 in float32
        probabilities = probabilities.masked_fill(left_out, 0)
    if filters.min_p is not None:
        least = filters.min_p * probabilities.amax(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < least, 0)
    if token_ids is None:
        return probabilities, None
    return _in_vocabulary_order(probabilities, token_ids, vocab_size)


def _in_vocabulary_order(
    probabilities: torch.Tensor, token_ids: torch.Tensor, vocab_size: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Ranked candidates sorted by their ids; where these are all tokens, without them."""
    if token_ids.shape[-1] == vocab_size:  # needs no second sort
        return torch.zeros_like(probabilities).scatter(1, token_ids, probabilities), None
    token_ids, order = token_ids.sort(-1)
    return probabilities.gather(1, order), token_ids


def _scaled(scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """Scores over temperature, the highest of them 0, so that no temperature makes an infinity of one."""
    within = min(max(temperature, 1e-30), 1e30)
    return (scores - scores.amax(-1, keepdim=True)) / within
