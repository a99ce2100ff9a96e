"""Who owns which KV block: free, held by sequences, or cached for a prompt with the same beginning."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from engine.prefix_index import BlockContent, PrefixIndex


class BlockPool:
    """Reference-counted blocks with a prefix cache.

    A block is free, or held by one or more sequences, or cached: held by none, its content kept until the
    space is needed. Contents are published by the sequence that computes them and matched by later ones.
    The content of a full block never changes, so it is shared as it is. A block that is not full may grow,
    but what it holds stays, so that others may copy it; they cannot share it, for they go on otherwise.
    """

    def __init__(self, num_blocks: int) -> None:
        assert num_blocks > 0
        self.num_blocks = num_blocks
        self._free = list(range(num_blocks - 1, -1, -1))
        self._cached: OrderedDict[int, None] = OrderedDict()  # least recently used first
        self._holders = [0] * num_blocks
        self._index = PrefixIndex()

    @property
    def num_free(self) -> int:
        """Blocks that hold nothing."""
        return len(self._free)

    @property
    def num_cached(self) -> int:
        """Blocks that no sequence holds and whose content may still serve."""
        return len(self._cached)

    @property
    def num_available(self) -> int:
        """Blocks that `try_allocate` can give."""
        return len(self._free) + len(self._cached)

    def try_allocate(self, count: int) -> list[int] | None:
        """`count` blocks to write to, evicting cached ones as needed; None if there are too few."""
        if count > self.num_available:
            return None
        return [self._take() for _ in range(count)]

    def _take(self) -> int:
        if self._free:
            block = self._free.pop()
        else:
            block, _ = self._cached.popitem(last=False)
            self._index.remove(block)
        self._holders[block] = 1
        return block

    def match(self, contents: Iterable[BlockContent]) -> list[int]:
        """Take hold of the blocks that have the longest run of these contents from the first on."""
        blocks = []
        for content in contents:
            if (block := self._index.find(content)) is None:
                break
            self._hold(block)
            blocks.append(block)
        return blocks

    def match_beginning(self, before: bytes, token_ids: Sequence[int]) -> tuple[int, int] | None:
        """Take hold of a block that follows `before` and begins with some of these tokens; and how many."""
        if (found := self._index.find_beginning(before, token_ids)) is not None:
            self._hold(found[0])
        return found

    def _hold(self, block: int) -> None:
        self._cached.pop(block, None)
        self._holders[block] += 1

    def release(self, blocks: Sequence[int]) -> None:
        """Let go of one sequence's blocks, given in its order."""
        # The deepest go first into the queue for eviction: a prefix is worth more than what follows it.
        for block in reversed(blocks):
            assert self._holders[block] > 0, f"block {block} is released and not held"
            self._holders[block] -= 1
            if self._holders[block] == 0:
                self._retire(block)

    def _retire(self, block: int) -> None:
        if block in self._index:
            self._cached[block] = None
        else:
            self._free.append(block)

    def publish(self, block: int, content: BlockContent) -> None:
        """Offer what a held block holds for matching, unless another one already has the same content."""
        assert self._holders[block] > 0, f"block {block} is published and not held"
        self._index.add(block, content)

    def forget(self, block: int) -> None:
        """Offer a held block no longer."""
        assert self._holders[block] > 0, f"block {block} is forgotten and not held"
        self._index.remove(block)

    def reset_cache(self) -> None:
        """Forget all contents; held blocks stay held and are free afterwards."""
        self._index.clear()
        self._free.extend(self._cached)
        self._cached.clear()

    def check_integrity(self, block_tables: Iterable[Sequence[int]]) -> None:
        """Prove that free + cached + held is all, and that exactly these block tables hold the held ones."""
        holders = [0] * self.num_blocks
        for table in block_tables:
            for block in table:
                holders[block] += 1
        assert holders == self._holders, "the block tables and the pool differ on who holds what"
        held = [block for block, count in enumerate(holders) if count]
        assert sorted([*self._free, *self._cached, *held]) == list(range(self.num_blocks)), (
            "a block has leaked"
        )
        assert all(block in self._index for block in self._cached)
        self._index.check_integrity()
