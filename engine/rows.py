"""Where the tokens of a step's chunks lie: in which rows, and their KV in which slots. Imports no torch."""

from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from engine.sequence import Chunk


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """A chunk, its place among the chunks as they were given, and its first row."""

    chunk: Chunk
    index: int
    first_row: int

    @property
    def rows(self) -> slice:
        """Its rows among the flat tokens."""
        return slice(self.first_row, self.first_row + self.chunk.num_tokens)


def is_decode(chunk: Chunk) -> bool:
    """Whether it brings one token, which sees all before it."""
    return chunk.num_tokens == 1 and chunk.is_causal


def row_order(chunks: list[Chunk]) -> list[int]:
    """The order of a step's chunks in its rows: single tokens first, by the length they attend to."""
    return sorted(range(len(chunks)), key=lambda i: (not is_decode(chunks[i]), chunks[i].end))


def place(chunks: Seq[Chunk], order: Iterable[int]) -> list[PlacedChunk]:
    """The chunks in this order, one after the other."""
    placed = []
    row = 0
    for index in order:
        placed.append(PlacedChunk(chunks[index], index, row))
        row += chunks[index].num_tokens
    return placed


def slots_of(chunks: list[Chunk], block_tokens: int) -> list[int]:
    """Where the KV of the chunks' tokens goes."""
    return [
        chunk.sequence.block_table[index // block_tokens] * block_tokens + index % block_tokens
        for chunk in chunks
        for index in range(chunk.start, chunk.end)
    ]
