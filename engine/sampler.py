"""From logits to the next token.

A draw is decided by the sequence's seed and the number of its tokens, never by the state of a shared
generator: it is the same alone, in company, and after a preemption.
"""

from collections.abc import Sequence as Seq
from hashlib import blake2b

import torch

from engine.request import Sampling
from engine.sequence import Sequence
from engine.work import Generation, Sampled


def sample(logits: torch.Tensor, sequences: Seq[Sequence]) -> list[Sampled]:
    """The next token of each sequence; logits are [len(sequences), vocab_size] float32."""
    token_ids: list[int] = logits.argmax(-1).tolist()
    for row, sequence in enumerate(sequences):
        if not _is_plain(sampling := _generation(sequence).sampling):
            scores = _penalize(logits[row], sequence.token_ids, sampling.repetition_penalty)
            scores = _discount(scores, sequence.output_token_ids, sampling.frequency_penalty)
            token_ids[row] = _choose(scores, sampling, _generation(sequence).seed, len(sequence.token_ids))
    return [
        Sampled(token_id, _logprob(row, token_id) if _generation(sequence).sampling.logprobs else None)
        for row, token_id, sequence in zip(logits, token_ids, sequences, strict=True)
    ]


def _generation(sequence: Sequence) -> Generation:
    assert isinstance(sequence.work, Generation)
    return sequence.work


def _is_plain(sampling: Sampling) -> bool:
    return (sampling.temperature, sampling.repetition_penalty, sampling.frequency_penalty) == (0, 1, 0)


def _logprob(logits: torch.Tensor, token_id: int) -> float:
    return float(logits[token_id] - logits.logsumexp(-1))


def _penalize(logits: torch.Tensor, token_ids: Seq[int], penalty: float) -> torch.Tensor:
    """Make tokens that prompt or output hold less likely (https://arxiv.org/abs/1909.05858)."""
    if penalty == 1:
        return logits
    seen = torch.tensor(sorted(set(token_ids)), device=logits.device)
    scores = logits[seen]
    return logits.index_copy(0, seen, torch.where(scores < 0, scores * penalty, scores / penalty))


def _discount(logits: torch.Tensor, output: Seq[int], penalty: float) -> torch.Tensor:
    """Make tokens less likely by how often the output holds them."""
    if penalty == 0 or not output:
        return logits
    token_ids = torch.tensor(output, device=logits.device)
    return logits.index_add(0, token_ids, torch.full(token_ids.shape, -penalty, device=logits.device))


def _choose(scores: torch.Tensor, sampling: Sampling, seed: int, position: int) -> int:
    if sampling.temperature == 0:
        return int(scores.argmax())
    candidates, probabilities = _filter(scores / sampling.temperature, sampling.top_k, sampling.top_p)
    # Float64, because over a large vocabulary the sum in float32 loses the unlikely tokens.
    cumulative = probabilities.double().cumsum(0)
    drawn = torch.searchsorted(cumulative, cumulative[-1] * _uniform(seed, position), right=True)
    return int(candidates[drawn.clamp(max=len(candidates) - 1)])


def _filter(
    scores: torch.Tensor, top_k: int | None, top_p: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The token ids that may be drawn and their probabilities, which need not sum to 1."""
    if top_k is None and top_p is None:
        return torch.arange(len(scores), device=scores.device), scores.softmax(0)
    kept, token_ids = scores.topk(min(top_k or len(scores), len(scores)))
    probabilities = kept.softmax(0)
    if top_p is not None:
        # The fewest of the likeliest whose sum reaches top_p: those before which it is not reached.
        count = int((probabilities.cumsum(0) - probabilities < top_p).sum())
        token_ids, probabilities = token_ids[: max(count, 1)], probabilities[: max(count, 1)]
    return token_ids, probabilities


def _uniform(seed: int, position: int) -> float:
    """A number from [0, 1) that looks random and depends on nothing else."""
    digest = blake2b(f"{seed}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53
