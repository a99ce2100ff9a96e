"""The step that takes most memory, to be measured before KV gets the rest. Imports no torch."""

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


def _chunk(num_tokens: int, block_tokens: int) -> Chunk:
    sequence = Sequence([0] * num_tokens, Generation(_COSTLIEST, frozenset(), seed=0, stream=None))
    sequence.block_table = [0] * -(-num_tokens // block_tokens)
    return Chunk(sequence, 0, num_tokens, is_last=True)
