"""Make what a text already holds less likely."""

from collections import Counter
from collections.abc import Sequence as Seq

import torch

from engine.request import Sampling
from engine.sequence import Sequence
from engine.upload import upload


def penalize(scores: torch.Tensor, sequences: Seq[Sequence], samplings: Seq[Sampling]) -> torch.Tensor:
    """The scores [len(sequences), vocab_size] after both penalties; those given stay as they are."""
    scores = _against_repetition(scores, sequences, [s.repetition_penalty for s in samplings])
    return _against_frequency(scores, sequences, [s.frequency_penalty for s in samplings])


def _against_repetition(
    scores: torch.Tensor, sequences: Seq[Sequence], penalties: Seq[float]
) -> torch.Tensor:
    """Of tokens that prompt or output hold, once (https://arxiv.org/abs/1909.05858)."""
    entries = [
        (row, token_id, penalty)
        for row, (sequence, penalty) in enumerate(zip(sequences, penalties, strict=True))
        if penalty != 1
        for token_id in set(sequence.token_ids)
    ]
    if not entries:
        return scores
    places, factors = _tensors(entries, scores)
    before = scores[places]
    return scores.index_put(places, torch.where(before < 0, before * factors, before / factors))


def _against_frequency(scores: torch.Tensor, sequences: Seq[Sequence], penalties: Seq[float]) -> torch.Tensor:
    """Of tokens that the output holds, for each time."""
    entries = [
        (row, token_id, penalty * count)
        for row, (sequence, penalty) in enumerate(zip(sequences, penalties, strict=True))
        if penalty != 0
        for token_id, count in Counter(sequence.output_token_ids).items()
    ]
    if not entries:
        return scores
    places, amounts = _tensors(entries, scores)
    return scores.index_put(places, scores[places] - amounts)


def _tensors(
    entries: list[tuple[int, int, float]], scores: torch.Tensor
) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Rows and columns, and a number for each."""
    rows, token_ids, numbers = zip(*entries, strict=True)
    device = scores.device
    places = (upload(rows, torch.int64, device), upload(token_ids, torch.int64, device))
    return places, upload(numbers, scores.dtype, device)
