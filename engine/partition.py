"""Which rows of a step run in which lane."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

from engine.sequence import Chunk


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of the step or a part of one, and the chunk's place among the step's."""

    chunk: Chunk
    index: int


@dataclass(frozen=True, slots=True)
class Part:
    """One lane's rows, and the lanes whose KV of this very step they read."""

    lane: int
    pieces: list[Piece]
    sources: frozenset[int]


def partition(chunks: Seq[Chunk], num_lanes: int, block_tokens: int) -> list[Part]:
    """Share out a step's chunks, each lane about as many tokens; a long chunk may be cut.

    Single tokens go round the lanes in the order of their lengths, so that each lane has alike ones to
    attend together.
    """
    if num_lanes == 1:
        return [Part(0, [Piece(chunk, index) for index, chunk in enumerate(chunks)], frozenset())]
    by_length = sorted(range(len(chunks)), key=lambda index: chunks[index].end)
    single = [Piece(chunks[i], i) for i in by_length if chunks[i].num_tokens == 1]
    long = [Piece(chunks[i], i) for i in range(len(chunks)) if chunks[i].num_tokens > 1]
    lanes = [single[lane::num_lanes] for lane in range(num_lanes)]
    _fill(lanes, long)
    lanes = [pieces for pieces in lanes if pieces]
    return [Part(lane, pieces, _sources(lane, lanes, block_tokens)) for lane, pieces in enumerate(lanes)]


def _fill(lanes: list[list[Piece]], long: list[Piece]) -> None:
    """Put chunks into the lanes, one lane after the other up to its share, cutting where one is full."""
    total = sum(map(len, lanes)) + sum(piece.chunk.num_tokens for piece in long)
    pending = long[::-1]
    for number, pieces in enumerate(lanes):
        share = total * (number + 1) // len(lanes) - total * number // len(lanes)
        room = share - len(pieces)
        while pending and (room > 0 or number == len(lanes) - 1):
            piece = pending.pop()
            if piece.chunk.num_tokens > room and number < len(lanes) - 1:
                piece, rest = _cut(piece, room)
                pending.append(rest)
            pieces.append(piece)
            room -= piece.chunk.num_tokens


def _cut(piece: Piece, num_tokens: int) -> tuple[Piece, Piece]:
    chunk, middle = piece.chunk, piece.chunk.start + num_tokens
    before = Chunk(chunk.sequence, chunk.start, middle)
    return Piece(before, piece.index), Piece(Chunk(chunk.sequence, middle, chunk.end), piece.index)


def _sources(lane: int, lanes: list[list[Piece]], block_tokens: int) -> frozenset[int]:
    read = {block for piece in lanes[lane] for block in _blocks(piece.chunk, 0, block_tokens)}
    return frozenset(
        other
        for other, pieces in enumerate(lanes)
        if other != lane
        and any(
            block in read
            for piece in pieces
            for block in _blocks(piece.chunk, piece.chunk.start, block_tokens)
        )
    )


def _blocks(chunk: Chunk, start: int, block_tokens: int) -> list[int]:
    """The blocks of a chunk's tokens from `start` on."""
    return chunk.sequence.block_table[start // block_tokens : -(-chunk.end // block_tokens)]
