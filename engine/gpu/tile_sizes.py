"""How much of the scores a program holds at a time. Imports no torch.

A table, not a search at run time: a search would launch and time kernels, which must not happen while a CUDA
graph is captured, and its winner would change from run to run, and with it the order of sums.

The numbers are for Hopper (H100, H200: 227 KiB of shared memory and 64 Ki registers a multiprocessor, 255
registers a thread): all that a program holds stays in registers, but for a few bytes of float32 with tries.
`python -m tests.engine.gpu.compilation` shows it; which of the sizes that fit is fastest is not measured yet.
Prefill holds `rows` * head_dim of sums, and `num_stages` less one tiles of keys and of values on their way,
so both shrink as heads grow, and where the masks of choice tries take registers too. Decode is bound by
memory: 16 rows, the fewest that tensor cores take, and stages enough to have two tiles on their way, as a
block's number is read before the block.
"""

from dataclasses import dataclass, replace

FEWEST_ROWS = 16  # of a tensor core's tile


@dataclass(frozen=True, slots=True)
class TileSize:
    """Query rows by keys; a row is one head of one token."""

    rows: int
    keys: int
    num_warps: int
    num_stages: int


# By the head's size, rounded up to a power of two, and the bytes of a query's number.
_DECODE = {
    (64, 2): TileSize(FEWEST_ROWS, 128, 4, 5),
    (128, 2): TileSize(FEWEST_ROWS, 64, 4, 5),
    (256, 2): TileSize(FEWEST_ROWS, 32, 4, 5),
    (64, 4): TileSize(FEWEST_ROWS, 64, 4, 3),
    (128, 4): TileSize(FEWEST_ROWS, 32, 4, 3),
    (256, 4): TileSize(FEWEST_ROWS, 16, 8, 3),
}
_PREFILL = {
    (64, 2): TileSize(128, 128, 8, 2),
    (128, 2): TileSize(128, 64, 8, 3),
    (256, 2): TileSize(128, 32, 8, 3),
    (64, 4): TileSize(64, 32, 4, 2),
    (128, 4): TileSize(32, 32, 4, 2),
    (256, 4): TileSize(16, 16, 8, 2),
}
_PREFILL_WITH_TREES = {
    (64, 2): TileSize(128, 64, 8, 3),
    (128, 2): TileSize(128, 32, 8, 3),
    (256, 2): TileSize(64, 32, 8, 2),
    (64, 4): TileSize(64, 16, 4, 2),
    (128, 4): TileSize(32, 16, 4, 2),
    (256, 4): TileSize(16, 16, 8, 2),
}
SUMS_OF_FOUR_WARPS = 64 * 128  # more than these would leave no registers for the rest
TILE_NUMBERS = 1024  # that a program works on where rows can be cut: eight a thread, as `copy_warps` has it


def decode_tile(head_dim: int, itemsize: int, group: int) -> TileSize:
    """For one token a sequence, `group` query heads to a KV head; `itemsize` is that of the queries."""
    tile = _DECODE[_place(head_dim, itemsize)]
    return replace(tile, rows=max(next_power_of_two(group), FEWEST_ROWS))


def prefill_tile(
    head_dim: int, itemsize: int, group: int, longest_chunk: int, has_trees: bool = False
) -> TileSize:
    """For chunks of up to `longest_chunk` tokens: no more rows than that fills, but room for one token."""
    place = _place(head_dim, itemsize)
    tile = (_PREFILL_WITH_TREES if has_trees else _PREFILL)[place]
    wanted = max(next_power_of_two(group * longest_chunk), FEWEST_ROWS)
    rows = max(min(tile.rows, wanted), next_power_of_two(group))
    if rows >= tile.rows:
        return replace(tile, rows=rows)
    return replace(tile, rows=rows, num_warps=4 if rows * place[0] <= SUMS_OF_FOUR_WARPS else 8)


def copy_warps(width: int) -> int:
    """How many warps, a power of two, copy a row of so many numbers: eight numbers a thread, if they can."""
    return min(max(next_power_of_two(width) // 256, 1), 8)


def row_tile(width: int) -> int:
    """How many numbers of a row of so many a program takes, where each is worked on alone."""
    return min(next_power_of_two(width), TILE_NUMBERS)


def heads_a_tile(head_dim: int) -> int:
    """How many of a token's heads a program takes, where each is worked on alone."""
    return max(TILE_NUMBERS // next_power_of_two(head_dim), 1)


def next_power_of_two(count: int) -> int:
    """The smallest power of two that is not below `count`, which is at least 1."""
    return 1 << (count - 1).bit_length()


def _place(head_dim: int, itemsize: int) -> tuple[int, int]:
    padded = max(next_power_of_two(head_dim), 64)
    if (padded, itemsize) not in _PREFILL:
        raise ValueError(
            f"heads of {head_dim} numbers of {itemsize} bytes: use up to 256 numbers of 2 or 4 bytes"
        )
    return padded, itemsize
