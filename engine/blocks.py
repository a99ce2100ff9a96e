"""Who owns which KV block: free, held by sequences, or cached for a prompt with the same beginning."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class BlockContent:
    """The tokens whose KV fills a block, and a digest of them and of every token before them."""

    digest: bytes
    token_ids: tuple[int, ...]

    @classmethod
    def after(cls, previous: "BlockContent | None", token_ids: Sequence[int]) -> "BlockContent":
        """The content of the block that follows `previous` in a sequence."""
        state = blake2b(previous.digest if previous else b"", digest_size=16)
        state.update(",".join(map(str, token_ids)).encode())
        return cls(state.digest(), tuple(token_ids))


class BlockPool:
    """Reference-counted blocks with a prefix cache.

    A block is free, or held by one or more sequences, or cached: held by none, its content kept until the
    space is needed. Contents are published by the sequence that computes them and matched by later ones.
    """

    def __init__(self, num_blocks: int) -> None:
        assert num_blocks > 0
        self.num_blocks = num_blocks
        self._free = list(range(num_blocks - 1, -1, -1))
        self._cached: OrderedDict[int, None] = OrderedDict()  # least recently used first
        self._holders = [0] * num_blocks
        self._content: dict[int, BlockContent] = {}
        self._block_by_digest: dict[bytes, int] = {}

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
            self._forget(block)
        self._holders[block] = 1
        return block

    def match(self, contents: Iterable[BlockContent]) -> list[int]:
        """Take hold of the blocks that have the longest run of these contents from the first on."""
        blocks = []
        for content in contents:
            if (block := self._find(content)) is None:
                break
            self._hold(block)
            blocks.append(block)
        return blocks

    def _find(self, content: BlockContent) -> int | None:
        block = self._block_by_digest.get(content.digest)
        if block is None or self._content[block].token_ids != content.token_ids:
            return None
        return block

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
        if block in self._content:
            self._cached[block] = None
        else:
            self._free.append(block)

    def publish(self, block: int, content: BlockContent) -> None:
        """Offer a held block for matching, unless another one already has the same content."""
        assert self._holders[block] > 0, f"block {block} is published and not held"
        if content.digest not in self._block_by_digest:
            self._content[block] = content
            self._block_by_digest[content.digest] = block

    def _forget(self, block: int) -> None:
        del self._block_by_digest[self._content.pop(block).digest]

    def reset_cache(self) -> None:
        """Forget all contents; held blocks stay held and are free afterwards."""
        self._content.clear()
        self._block_by_digest.clear()
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
        assert all(block in self._content for block in self._cached)
        assert {c.digest: b for b, c in self._content.items()} == self._block_by_digest
