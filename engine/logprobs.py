"""The model's own log-probabilities of tokens, before any penalty, temperature or constraint."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from engine.request import TopLogprobs
from engine.upload import upload


@dataclass(frozen=True, slots=True)
class OwnAndTop:
    """Of the token that was chosen, and of the likeliest ones as far as they were asked for."""

    own: float
    top: TopLogprobs


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """On the device, of the rows that ask for it, each with how many of its likeliest tokens it asks for.

    `packed`: flat float64, for each row its token's, then the likeliest tokens' ids, then theirs.
    """

    counts: dict[int, int]
    packed: torch.Tensor

    def unpack(self, host_copy: torch.Tensor) -> dict[int, OwnAndTop]:
        """By row, from a copy of `packed`."""
        if not self.counts:
            return {}
        of_rows = host_copy.view(len(self.counts), -1).tolist()
        return {
            row: OwnAndTop(values[0], _top(values[1:], count))
            for (row, count), values in zip(self.counts.items(), of_rows, strict=True)
        }


def token_logprobs(logits: torch.Tensor, token_ids: torch.Tensor, counts: Seq[int | None]) -> TokenLogprobs:
    """Of the tokens [rows] int64 that were chosen from logits [rows, vocab_size]; None asks for nothing."""
    asked = {row: count for row, count in enumerate(counts) if count is not None}
    if not asked:
        return TokenLogprobs(asked, logits.new_empty(0, dtype=torch.float64))
    if len(asked) < len(counts):
        rows = upload(list(asked), torch.int64, logits.device)
        logits, token_ids = logits.index_select(0, rows), token_ids.index_select(0, rows)
    logprobs = logits.log_softmax(-1)
    columns = [logprobs.gather(1, token_ids[:, None]).double()]
    if (most := max(asked.values())) > 0:
        values, ids = logprobs.topk(min(most, logprobs.shape[-1]))
        columns += [ids.double(), values.double()]
    return TokenLogprobs(asked, torch.cat(columns, 1).flatten())


def _top(ids_then_values: list[float], count: int) -> TopLogprobs:
    middle = len(ids_then_values) // 2
    pairs = zip(ids_then_values[:middle], ids_then_values[middle:], strict=True)
    return tuple((int(token_id), value) for token_id, value in pairs)[:count]
