"""The model's own log-probabilities of tokens, before any penalty, temperature or constraint."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from engine.request import TopLogprobs


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """Of the token that was chosen, and of the likeliest ones where they were asked for."""

    own: float
    top: TopLogprobs


def token_logprobs(
    logits: torch.Tensor, token_ids: Seq[int], counts: Seq[int | None]
) -> list[TokenLogprobs | None]:
    """Per row of logits [rows, vocab_size]: its token's, and its `count` likeliest; None for no count."""
    found: list[TokenLogprobs | None] = [None] * len(counts)
    asked = {row: count for row, count in enumerate(counts) if count is not None}
    if asked:
        picked = logits[list(asked)].log_softmax(-1)
        chosen = torch.tensor([[token_ids[row]] for row in asked], device=logits.device)
        owns = picked.gather(1, chosen)[:, 0].tolist()
        tops = _likeliest(picked, max(asked.values()))
        for (row, count), own, top in zip(asked.items(), owns, tops, strict=True):
            found[row] = TokenLogprobs(own, top[:count])
    return found


def _likeliest(logprobs: torch.Tensor, count: int) -> list[TopLogprobs]:
    if count == 0:
        return [()] * len(logprobs)
    values, token_ids = logprobs.topk(min(count, logprobs.shape[-1]))
    pairs = zip(token_ids.tolist(), values.tolist(), strict=True)
    return [tuple(zip(ids, of_ids, strict=True)) for ids, of_ids in pairs]
