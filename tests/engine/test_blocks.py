"""The block pool hands out every block once, and finds a prefix only where it is."""

import pytest

from engine.blocks import BlockPool
from engine.prefix_index import BlockContent


def contents(*blocks: tuple[int, ...]) -> list[BlockContent]:
    """The contents of a sequence's first blocks."""
    chain: list[BlockContent] = []
    for token_ids in blocks:
        chain.append(BlockContent.after(chain[-1] if chain else None, token_ids))
    return chain


def fill(pool: BlockPool, chain: list[BlockContent]) -> list[int]:
    blocks = pool.try_allocate(len(chain))
    assert blocks is not None
    for block, content in zip(blocks, chain, strict=True):
        pool.publish(block, content)
    return blocks


def test_allocation_gives_what_there_is_or_nothing() -> None:
    pool = BlockPool(3)
    assert pool.try_allocate(4) is None
    assert sorted(pool.try_allocate(3) or ()) == [0, 1, 2]
    assert pool.try_allocate(1) is None
    assert pool.try_allocate(0) == []


def test_a_released_prefix_is_found_as_far_as_it_agrees() -> None:
    pool = BlockPool(8)
    blocks = fill(pool, contents((1, 2), (3, 4), (5, 6)))
    pool.release(blocks)
    assert pool.match(contents((1, 2), (3, 4), (9, 9))) == blocks[:2]
    pool.check_integrity([blocks[:2]])


def test_the_same_tokens_after_another_beginning_are_no_match() -> None:
    pool = BlockPool(8)
    pool.release(fill(pool, contents((1, 2), (3, 4))))
    assert pool.match(contents((3, 4))) == []
    assert pool.match(contents((9, 9), (3, 4))) == []


def test_a_digest_that_lies_is_found_out_by_its_tokens() -> None:
    pool = BlockPool(2)
    pool.release(fill(pool, [BlockContent(b"", (1, 2), b"same")]))
    assert pool.match([BlockContent(b"", (3, 4), b"same")]) == []


def test_a_held_prefix_is_shared_and_outlives_its_first_holder() -> None:
    pool = BlockPool(2)
    chain = contents((1,), (2,))
    first = fill(pool, chain)
    second = pool.match(chain)
    assert second == first
    pool.release(first)
    assert pool.num_available == 0
    pool.check_integrity([second])


def test_eviction_takes_the_least_recently_used_and_of_one_prefix_the_end() -> None:
    pool = BlockPool(4)
    old, new = contents((1,), (2,)), contents((3,), (4,))
    pool.release(fill(pool, old))
    pool.release(fill(pool, new))
    assert pool.try_allocate(1) is not None
    assert len(pool.match(old)) == 1
    assert len(pool.match(new)) == 2


def test_content_published_twice_is_kept_once() -> None:
    pool = BlockPool(2)
    first, second = fill(pool, contents((1,))), fill(pool, contents((1,)))
    pool.release(first)
    pool.release(second)
    assert (pool.num_cached, pool.num_free) == (1, 1)
    pool.check_integrity([])


def test_a_reset_frees_what_is_cached_and_leaves_what_is_held() -> None:
    pool = BlockPool(4)
    held, cached = contents((1,)), contents((2,))
    blocks = fill(pool, held)
    pool.release(fill(pool, cached))
    pool.reset_cache()
    assert (pool.num_cached, pool.num_free) == (0, 3)
    assert pool.match(held) == []
    pool.check_integrity([blocks])
    pool.release(blocks)
    assert pool.num_free == 4


def test_the_integrity_check_notices_a_leak() -> None:
    pool = BlockPool(4)
    blocks = pool.try_allocate(2)
    assert blocks is not None
    with pytest.raises(AssertionError, match="differ on who holds what"):
        pool.check_integrity([blocks[:1]])


def test_a_block_released_twice_is_noticed() -> None:
    pool = BlockPool(4)
    blocks = pool.try_allocate(1)
    assert blocks is not None
    pool.release(blocks)
    with pytest.raises(AssertionError, match="not held"):
        pool.release(blocks)
