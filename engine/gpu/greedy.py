"""The likeliest tokens, where that is all that anybody asks for: a CUDA graph finds them itself."""

from collections.abc import Sequence as Seq

import torch

from engine.logprobs import TokenLogprobs
from engine.sampler import Samples
from engine.sequence import Chunk
from engine.work import Generation


def are_greedy(chunks: Seq[Chunk]) -> bool:
    """Whether the next tokens are the likeliest ones by the model alone, and no log-probability is wanted."""
    return all(_is_greedy(chunk.sequence.work) for chunk in chunks)


def greedy_samples(chunks: Seq[Chunk], likeliest: torch.Tensor, greatest: torch.Tensor) -> Samples:
    """As `sample` makes them, of the first rows' likeliest tokens and their logits, both [num_rows]."""
    count = len(chunks)
    token_ids, is_finite = likeliest[:count], greatest[:count].isfinite()
    packed = torch.stack([token_ids, is_finite, is_finite]).double().flatten()
    return Samples(chunks, token_ids, packed, TokenLogprobs({}, packed[:0]))


def _is_greedy(work: object) -> bool:
    if not isinstance(work, Generation):
        return False
    sampling = work.sampling
    return (
        sampling.temperature == 0
        and sampling.logprobs is None
        and sampling.repetition_penalty == 1
        and sampling.frequency_penalty == 0
        and work.matcher is None
    )
