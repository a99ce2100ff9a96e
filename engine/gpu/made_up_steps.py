"""Steps of made-up texts, to measure or to compile with before there are real ones. Imports no torch."""

from engine.gpu.head_shape import HeadShape
from engine.gpu.tile_sizes import TileSize
from engine.request import Sampling
from engine.sequence import Chunk, Sequence
from engine.work import Generation

# What takes the most beside a step's logits: candidates sorted, their sums in float64, log-probabilities.
_COSTLIEST = Sampling(temperature=1.0, top_p=0.9, logprobs=5)


def largest_step(
    max_sequences: int, max_batch_tokens: int, max_model_len: int, block_tokens: int
) -> list[Chunk]:
    """As many tokens as a step may have, of as many sequences as may run, each of which samples a token.

    All their KV goes into block 0: it need not make sense.
    """
    count = min(max_sequences, max_batch_tokens)
    lengths = [
        min(max_batch_tokens // count + (index < max_batch_tokens % count), max_model_len)
        for index in range(count)
    ]
    return [_chunk(length, block_tokens) for length in lengths]


def first_steps(shape: HeadShape, max_tokens: int, block_tokens: int) -> list[list[Chunk]]:
    """A step of one text, of up to `max_tokens`, for each tile that the prefill kernel can be launched with.

    But for choice tries: who asks for them first waits until the kernel is compiled for these as well.
    """
    length_of_tile: dict[TileSize, int] = {}
    for num_tokens in range(2, max_tokens + 1):
        length_of_tile.setdefault(shape.prefill_tile(num_tokens, has_trees=False), num_tokens)
    return [[_chunk(length, block_tokens)] for length in length_of_tile.values()]


def _chunk(num_tokens: int, block_tokens: int) -> Chunk:
    sequence = Sequence([0] * num_tokens, Generation(_COSTLIEST, frozenset(), seed=0, stream=None))
    sequence.block_table = [0] * -(-num_tokens // block_tokens)
    return Chunk(sequence, 0, num_tokens, is_last=True)
