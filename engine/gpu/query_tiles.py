"""Which program of a prefill computes which queries of a ragged batch. Imports no torch."""

from collections.abc import Sequence


def query_tiles(
    chunk_tokens: Sequence[int], lengths: Sequence[int], tokens_per_tile: int
) -> list[tuple[int, int]]:
    """(sequence, first token in its chunk) of each tile, those with most keys first.

    `chunk_tokens` are the new tokens of each sequence, `lengths` all of its tokens, these included.
    Tiles start in this order, so that the last ones to end are short.
    """
    tiles = [
        (sequence, first)
        for sequence, count in enumerate(chunk_tokens)
        for first in range(0, count, tokens_per_tile)
    ]

    def keys_seen(tile: tuple[int, int]) -> int:
        sequence, first = tile
        context = lengths[sequence] - chunk_tokens[sequence]
        return context + min(first + tokens_per_tile, chunk_tokens[sequence])

    return sorted(tiles, key=keys_seen, reverse=True)
