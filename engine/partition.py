"""Which rows of a step run in which lane."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

from engine.sequence import Chunk


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of the step or a part of one, and the chunk's place among the step's."""

    chunk: Chunk
    index: int


@dataclass(frozen=True, slots=True)
class Sources:
    """The other lanes whose KV of this very step a lane copies, and those whose KV it reads."""

    copied: frozenset[int] = frozenset()
    read: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """One lane's rows, and the lanes that these depend on."""

    lane: int
    pieces: list[Piece]
    sources: Sources


def partition(chunks: Seq[Chunk], num_lanes: int, block_tokens: int) -> list[Part]:
    """Share out a step's chunks, each lane about as many tokens; a long chunk may be cut.

    Single tokens go round the lanes in the order of their lengths, so that each lane has alike ones to
    attend together.
    """
    if num_lanes == 1:
        return [Part(0, [Piece(chunk, index) for index, chunk in enumerate(chunks)], Sources())]
    by_length = sorted(range(len(chunks)), key=lambda index: chunks[index].end)
    single = [Piece(chunks[i], i) for i in by_length if chunks[i].num_tokens == 1]
    long = [Piece(chunks[i], i) for i in range(len(chunks)) if chunks[i].num_tokens > 1]
    lanes = [single[lane::num_lanes] for lane in range(num_lanes)]
    _fill(lanes, long)
    lanes = [pieces for pieces in lanes if pieces]
    sources = _sources(lanes, block_tokens)
    return [Part(lane, pieces, sources[lane]) for lane, pieces in enumerate(lanes)]


def copied_to(chunk: Chunk, block_tokens: int) -> range:
    """The slots into which the chunk's copies go: those just before its first token's, in the same block."""
    block = chunk.sequence.block_table[chunk.start // block_tokens]
    end = block * block_tokens + chunk.start % block_tokens
    return range(end - len(chunk.copied_from), end)


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
    before = replace(chunk, end=middle, is_last=False)
    return Piece(before, piece.index), Piece(replace(chunk, start=middle), piece.index)


def _sources(lanes: list[list[Piece]], block_tokens: int) -> list[Sources]:
    """Each lane's; the block that a lane copies into counts as written, for its rows go on in it."""
    written = [_blocks(pieces, block_tokens, from_start=False) for pieces in lanes]
    read = [_blocks(pieces, block_tokens, from_start=True) for pieces in lanes]
    copied = [
        {slot // block_tokens for piece in pieces for slot in piece.chunk.copied_from} for pieces in lanes
    ]
    return [
        Sources(_writers(written, copied[lane], lane), _writers(written, read[lane], lane))
        for lane in range(len(lanes))
    ]


def _writers(written: list[set[int]], blocks: set[int], reader: int) -> frozenset[int]:
    return frozenset(
        lane for lane, own in enumerate(written) if lane != reader and not own.isdisjoint(blocks)
    )


def _blocks(pieces: list[Piece], block_tokens: int, *, from_start: bool) -> set[int]:
    """The blocks of the pieces' tokens, with or without those of the tokens before them."""
    return {
        block
        for chunk in (piece.chunk for piece in pieces)
        for block in chunk.sequence.block_table[
            0 if from_start else chunk.start // block_tokens : -(-chunk.end // block_tokens)
        ]
    }
