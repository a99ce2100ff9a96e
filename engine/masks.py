"""Which tokens see which, as additive masks for scaled_dot_product_attention: 0 to see, -inf not to."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from engine.sequence import Chunk
from engine.trie import KEPT_TRIES, ChoiceTrie
from engine.work import Scoring


@dataclass(frozen=True, slots=True)
class MaskMaker:
    """Builds masks for layers that look back over `window` tokens, the own one included (None: over all)."""

    window: int | None
    dtype: torch.dtype

    def decode(self, lengths: list[int], width: int) -> torch.Tensor:
        """For one new token a sequence, each the last of `lengths` tokens: [batch, 1, 1, width]."""
        ends = torch.tensor(lengths)[:, None]
        keys = torch.arange(width)[None]
        visible = (keys < ends) if self.window is None else (keys < ends) & (keys >= ends - self.window)
        return self._additive(visible)[:, None, None]

    def chunk(self, chunk: Chunk) -> torch.Tensor | None:
        """For a chunk over all its sequence's tokens up to its end: [num_tokens, end].

        None if plain causal attention from the first token on says the same.
        """
        if chunk.is_causal and chunk.start == 0 and (self.window is None or chunk.end <= self.window):
            return None
        queries = torch.arange(chunk.start, chunk.end)[:, None]
        visible = torch.arange(chunk.end)[None] <= queries
        if not chunk.is_causal:
            prompt = chunk.sequence.num_prompt_tokens
            visible[max(prompt - chunk.start, 0) :, prompt:] = self._branches(chunk)
        if self.window is not None:
            visible &= self._within_window(chunk)
        return self._additive(visible)

    def _within_window(self, chunk: Chunk) -> torch.Tensor:
        assert self.window is not None
        positions = torch.tensor(chunk.sequence.positions(0, chunk.end))
        return positions[None] > positions[chunk.start :, None] - self.window

    def _branches(self, chunk: Chunk) -> torch.Tensor:
        """Which nodes of the choice trie up to the chunk's end its own nodes see: [own nodes, nodes] bool."""
        work, prompt = chunk.sequence.work, chunk.sequence.num_prompt_tokens
        assert isinstance(work, Scoring)
        numbers = torch.tensor(work.nodes[: chunk.end - prompt]) - 1
        own = numbers[max(chunk.start - prompt, 0) :]
        return _lineage(work.trie)[own[:, None], numbers]

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(visible.shape, dtype=self.dtype)
        return mask.masked_fill_(visible.logical_not(), float("-inf"))


@lru_cache(maxsize=KEPT_TRIES)
def _lineage(trie: ChoiceTrie) -> torch.Tensor:
    """Row i has node i + 1 and the nodes above it, which it sees: [nodes, nodes] bool."""
    seen = torch.eye(len(trie.token_ids), dtype=torch.bool)
    for row, parent in enumerate(trie.parents):
        if parent:
            seen[row] |= seen[parent - 1]
    return seen
