"""Beginnings of blocks that a step copies: a prompt that agrees with another one up to inside a block.

A full block is shared as it is. Of one that holds what is wanted only up to some token, the KV up to there
is copied into the newcomer's own block. The step that admits the newcomer copies, in each layer after its own
KV is written, so that what another sequence computes in this very step can be copied as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.blocks import BlockPool


@dataclass(frozen=True, slots=True)
class CopySource:
    """The slots to copy from, one a token, and the block that is held for them."""

    slots: tuple[int, ...]
    block: int


class BlockCopies:
    """The copies of the step in the making; their sources are held until it has ended."""

    def __init__(self, pool: BlockPool, block_tokens: int) -> None:
        self._pool = pool
        self._block_tokens = block_tokens
        self._held: list[int] = []
        self._slots_of_target: dict[int, tuple[int, ...]] = {}

    @property
    def held_blocks(self) -> list[int]:
        """Blocks that are held for the step's copies, one of them once for each copy."""
        return self._held

    def find(self, before: bytes, token_ids: Sequence[int]) -> CopySource | None:
        """Take hold of the longest beginning of these tokens that some block has after `before`."""
        if (found := self._pool.match_beginning(before, token_ids)) is None:
            return None
        block, count = found
        own = range(block * self._block_tokens, block * self._block_tokens + count)
        # What this step copies into that block is copied from where it is from: no copy waits for another.
        copied = self._slots_of_target.get(block, ())[:count]
        return CopySource((*copied, *own[len(copied) :]), block)

    def drop(self, source: CopySource) -> None:
        """Let go of a source that is not needed after all."""
        self._pool.release([source.block])

    def add(self, source: CopySource, target_block: int) -> None:
        """Let the step copy into the beginning of a block."""
        self._held.append(source.block)
        self._slots_of_target[target_block] = source.slots

    def end_step(self) -> None:
        """The copies are made, or never will be."""
        self._pool.release(self._held)
        self._held = []
        self._slots_of_target.clear()
