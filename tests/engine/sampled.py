"""The sampler as a whole: its part on the device, and then its part on the host."""

from collections.abc import Sequence as Seq

import torch

from engine.sampler import sample
from engine.sequence import Chunk, Sequence
from engine.work import NoToken, Sampled


def sampled(logits: torch.Tensor, sequences: Seq[Sequence]) -> list[Sampled | NoToken]:
    """The next token of each sequence, all of whose tokens have been computed."""
    chunks = [Chunk(each, 0, len(each.token_ids), is_last=True) for each in sequences]
    samples = sample(logits, chunks)
    results = samples.unpack(samples.packed)
    for token_id, result in zip(samples.token_ids.tolist(), results, strict=True):
        assert isinstance(result, NoToken) or result.token_id == token_id
        assert 0 <= token_id < logits.shape[-1]
    return results
