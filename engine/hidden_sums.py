"""Hidden states of chunks, summed over their tokens."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from engine.work import HiddenSums


@dataclass(frozen=True, slots=True)
class PooledChunks:
    """Sums of so many chunks on the device.

    `packed`: flat float64, for each chunk its total, then its last token's hidden state.
    """

    num_chunks: int
    packed: torch.Tensor

    def unpack(self, host_copy: torch.Tensor) -> list[HiddenSums]:
        """In the chunks' order, from a copy of `packed`."""
        return [HiddenSums(total, last) for total, last in host_copy.view(self.num_chunks, 2, -1).tolist()]


def hidden_sums(chunks: Seq[torch.Tensor]) -> PooledChunks:
    """Of one or more chunks' hidden states, each [num_tokens, hidden_size]; nothing is waited for."""
    parts = [part for hidden in chunks for part in (hidden.double().sum(0), hidden[-1].double())]
    return PooledChunks(len(chunks), torch.cat(parts))
