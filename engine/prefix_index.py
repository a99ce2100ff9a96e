"""Which block holds the KV of which tokens, after which beginning."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

# Blocks that follow one beginning are as many as the rows of a job. Each row brings one, so that the latest
# begin like the next row; and to look at all of them would cost more than a few tokens are worth.
MAX_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class BlockContent:
    """The tokens whose KV lies in a block's first slots, and digests of what comes before them and of all."""

    before: bytes
    token_ids: tuple[int, ...]
    digest: bytes

    @classmethod
    def after(cls, previous: "BlockContent | None", token_ids: Sequence[int]) -> "BlockContent":
        """The content of the block that follows `previous` in a sequence."""
        before = digest_of(previous)
        digest = blake2b(before + array("q", token_ids).tobytes(), digest_size=16).digest()
        return cls(before, tuple(token_ids), digest)


def digest_of(content: BlockContent | None) -> bytes:
    """What stands for everything up to the end of a block; None is the block before the first."""
    return content.digest if content else b""


class PrefixIndex:
    """Finds the block with some content, or one that begins like it.

    Digests lead to a block; its tokens are compared as well.
    """

    def __init__(self) -> None:
        self._content: dict[int, BlockContent] = {}
        self._block: dict[bytes, int] = {}
        self._following: dict[bytes, dict[int, None]] = {}  # blocks by what is before them, the latest last

    def __contains__(self, block: int) -> bool:
        return block in self._content

    def find(self, content: BlockContent) -> int | None:
        """The block that has just this content."""
        block = self._block.get(content.digest)
        if block is None or self._content[block].token_ids != content.token_ids:
            return None
        return block

    def find_beginning(self, before: bytes, token_ids: Sequence[int]) -> tuple[int, int] | None:
        """A block that follows `before` and has the most of these tokens from its first on, and how many."""
        following = self._following.get(before, {})
        best, most = None, 0
        for block in islice(reversed(following), MAX_CANDIDATES):
            if (count := _num_common(self._content[block].token_ids, token_ids)) > most:
                best, most = block, count
        if best is None:
            return None
        following[best] = following.pop(best)  # what has just been of use stays among the candidates
        return best, most

    def add(self, block: int, content: BlockContent) -> None:
        """Note a block's content in place of what was known of it, unless another block has the same."""
        self.remove(block)
        if content.digest not in self._block:
            self._content[block] = content
            self._block[content.digest] = block
            self._following.setdefault(content.before, {})[block] = None

    def remove(self, block: int) -> None:
        """Forget a block's content, if it is known."""
        if (content := self._content.pop(block, None)) is None:
            return
        del self._block[content.digest]
        following = self._following[content.before]
        del following[block]
        if not following:
            del self._following[content.before]

    def clear(self) -> None:
        """Forget all."""
        self._content.clear()
        self._block.clear()
        self._following.clear()

    def check_integrity(self) -> None:
        """Prove that the three ways to a block agree."""
        assert {content.digest: block for block, content in self._content.items()} == self._block
        listed = {block: before for before, blocks in self._following.items() for block in blocks}
        assert {block: content.before for block, content in self._content.items()} == listed
        assert all(self._following.values()), "a beginning that nothing follows is still listed"


def _num_common(some: Sequence[int], others: Sequence[int]) -> int:
    count = 0
    for one, other in zip(some, others, strict=False):
        if one != other:
            break
        count += 1
    return count
