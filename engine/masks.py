"""Which tokens see which, as additive masks for scaled_dot_product_attention: 0 to see, -inf not to."""

from dataclasses import dataclass

import torch

from engine.sequence import Chunk
from engine.work import Scoring


@dataclass(frozen=True, slots=True)
class MaskMaker:
    """Builds masks for layers that look back over `window` tokens, the own one included (None: over all)."""

    window: int | None
    dtype: torch.dtype
    device: torch.device

    def decode(self, lengths: list[int], width: int) -> torch.Tensor:
        """For one new token a sequence, each the last of `lengths` tokens: [batch, 1, 1, width]."""
        ends = torch.tensor(lengths, device=self.device)[:, None]
        keys = torch.arange(width, device=self.device)[None]
        visible = (keys < ends) if self.window is None else (keys < ends) & (keys >= ends - self.window)
        return self._additive(visible)[:, None, None]

    def chunk(self, chunk: Chunk) -> torch.Tensor | None:
        """For a chunk over all its sequence's tokens up to its end: [num_tokens, end].

        None if plain causal attention from the first token on says the same.
        """
        if chunk.is_causal and chunk.start == 0 and (self.window is None or chunk.end <= self.window):
            return None
        queries = torch.arange(chunk.start, chunk.end, device=self.device)[:, None]
        visible = torch.arange(chunk.end, device=self.device)[None] <= queries
        if not chunk.is_causal:
            visible &= _trie_visibility(chunk).to(self.device)
        if self.window is not None:
            visible &= self._within_window(chunk)
        return self._additive(visible)

    def _within_window(self, chunk: Chunk) -> torch.Tensor:
        assert self.window is not None
        positions = torch.tensor(chunk.sequence.positions(0, chunk.end), device=self.device)
        return positions[None] > positions[chunk.start :, None] - self.window

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(visible.shape, dtype=self.dtype, device=self.device)
        return mask.masked_fill_(visible.logical_not(), float("-inf"))


def _trie_visibility(chunk: Chunk) -> torch.Tensor:
    """A trie node sees the prompt, the nodes above it and itself: [num_tokens, end] bool."""
    assert isinstance(chunk.sequence.work, Scoring)
    prompt = chunk.sequence.num_prompt_tokens
    visible = torch.ones((chunk.num_tokens, chunk.end), dtype=torch.bool)
    for index in range(max(chunk.start, prompt), chunk.end):
        row = visible[index - chunk.start]
        row[prompt:] = False
        # Node n is the token at prompt + n - 1.
        row[[index, *(prompt + node - 1 for node in chunk.sequence.work.trie.ancestors[index - prompt])]] = (
            True
        )
    return visible
