"""A step's tokens are shared out between lanes, each once."""

from hypothesis import given
from hypothesis import strategies as st

from engine.partition import partition
from engine.sequence import Chunk
from tests.engine.fakes import generation

BLOCK_TOKENS = 4


def make_chunks(spans: list[tuple[int, int]]) -> list[Chunk]:
    """Chunks of sequences that share no block, each from a start over some tokens."""
    chunks, next_block = [], 0
    for start, num_tokens in spans:
        sequence = generation(start + num_tokens, 1)
        count = -(-len(sequence.token_ids) // BLOCK_TOKENS)
        sequence.block_table = list(range(next_block, next_block + count))
        next_block += count
        chunks.append(Chunk(sequence, start, start + num_tokens, is_last=True))
    return chunks


spans = st.lists(
    st.tuples(st.integers(0, 20), st.one_of(st.just(1), st.integers(1, 40))), min_size=1, max_size=12
)


@given(spans=spans, num_lanes=st.integers(1, 4))
def test_every_token_is_computed_in_one_lane_and_the_lanes_are_even(
    spans: list[tuple[int, int]], num_lanes: int
) -> None:
    chunks = make_chunks(spans)
    parts = partition(chunks, num_lanes, BLOCK_TOKENS)
    placed = [
        (piece.index, token)
        for part in parts
        for piece in part.pieces
        for token in range(piece.chunk.start, piece.chunk.end)
    ]
    assert sorted(placed) == [(i, t) for i, chunk in enumerate(chunks) for t in range(chunk.start, chunk.end)]
    sizes = [sum(piece.chunk.num_tokens for piece in part.pieces) for part in parts]
    assert max(sizes) - min(sizes) <= 1 or len(parts) < num_lanes


@given(spans=spans, num_lanes=st.integers(1, 4))
def test_a_lane_waits_for_those_that_write_what_it_reads(
    spans: list[tuple[int, int]], num_lanes: int
) -> None:
    parts = partition(make_chunks(spans), num_lanes, BLOCK_TOKENS)
    for part in parts:
        earlier = {
            other.lane
            for other in parts
            for theirs in other.pieces
            for mine in part.pieces
            if other is not part and mine.index == theirs.index and theirs.chunk.start < mine.chunk.start
        }
        assert earlier <= part.sources.read


def test_lanes_without_a_common_block_do_not_wait() -> None:
    parts = partition(make_chunks([(8, 1), (8, 1)]), 2, BLOCK_TOKENS)
    assert [part.sources.read for part in parts] == [frozenset(), frozenset()]


def test_a_block_shared_within_the_step_is_waited_for() -> None:
    writer, reader = make_chunks([(0, 8), (4, 8)])
    reader.sequence.block_table[0] = writer.sequence.block_table[0]
    parts = partition([writer, reader], 2, BLOCK_TOKENS)
    assert parts[1].sources.read == {0}
