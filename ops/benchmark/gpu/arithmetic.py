"""What a turn needs of a card at the least: operations and bytes, by the model's shape. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ops.benchmark.gpu.shapes import Shape
from ops.benchmark.peers.protocol import Item, Labelling, Turn


@dataclass(frozen=True, slots=True)
class Needs:
    """Of a turn, whatever computes it: what is computed twice or for padding counts once or not at all.

    `tokens` go through the layers and `logit_rows` through the head. `attended` is the sum of what each token
    looks back on, itself included, and `decode_kv_tokens` that part of it which tokens of output do, one in
    each step.
    """

    tokens: int = 0
    logit_rows: int = 0
    attended: int = 0
    decode_kv_tokens: int = 0

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(
            self.tokens + other.tokens,
            self.logit_rows + other.logit_rows,
            self.attended + other.attended,
            self.decode_kv_tokens + other.decode_kv_tokens,
        )


def needs(turn: Turn) -> Needs:
    """What a turn needs if a beginning that all its prompts have is computed once."""
    shared = _common_prefix([item.prompt for item in turn.items]) if len(turn.items) > 1 else 0
    starts = (shared if number else 0 for number in range(len(turn.items)))
    each = (_item_needs(item, start, turn.labelling) for item, start in zip(turn.items, starts, strict=True))
    return sum(each, Needs())


def _item_needs(item: Item, start: int, labelling: Labelling | None) -> Needs:
    length = len(item.prompt)
    if labelling is not None:
        return _span(start, length) + _label_needs(length, labelling.choices)
    # The last token of output is not computed: nothing comes after it.
    end = length + item.max_tokens - 1
    decoded = _span(length, end)
    return _span(start, length) + Needs(
        decoded.tokens, item.max_tokens, decoded.attended, decode_kv_tokens=decoded.attended
    )


def _span(start: int, end: int) -> Needs:
    """Tokens from one place to another: the n-th of a text attends to n."""
    return Needs(end - start, 0, (end * (end + 1) - start * (start + 1)) // 2)


def _label_needs(length: int, choices: Iterable[str]) -> Needs:
    """All labels of a row, each letter a token, common beginnings once, the last token of each never."""
    nodes = {choice[:end] for choice in choices for end in range(1, len(choice))}
    return Needs(len(nodes), 1 + len(nodes), sum(length + len(node) for node in nodes))


def _common_prefix(prompts: Sequence[list[int]]) -> int:
    # Of the least and the greatest: the others lie between.
    pairs = zip(min(prompts), max(prompts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def flops(needed: Needs, shape: Shape) -> int:
    """Floating-point operations: two a weight and row, and four a head's number and token attended to."""
    products = 2 * (needed.tokens * shape.layer_weights + needed.logit_rows * shape.head_weights)
    attention = 4 * shape.num_layers * shape.num_heads * shape.head_dim * needed.attended
    return products + attention


def bytes_read(steps: float, kv_tokens: float, shape: Shape, number_bytes: int) -> float:
    """What steps read of memory: all weights in each, and keys and values of so many tokens in all."""
    weights = steps * (shape.layer_weights + shape.head_weights)
    return (weights + kv_tokens * shape.kv_numbers) * number_bytes


def rows_that_fit(memory_bytes: int, row_tokens: int, shape: Shape, number_bytes: int) -> int:
    """How many rows a static batch may have: keys and values fill half of what the weights leave.

    The other half is for what transformers computes beside them, and for the copies that its cache makes.
    """
    weights = (shape.layer_weights + 2 * shape.head_weights) * number_bytes
    free = max(memory_bytes - weights, 0) // 2
    return max(1, min(free // (row_tokens * shape.kv_numbers * number_bytes), MOST_STATIC_ROWS))


MOST_STATIC_ROWS = 256
