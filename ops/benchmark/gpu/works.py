"""The works: what every system is asked to do. Equal rounds are equal everywhere, and two share no prompt."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from ops.benchmark.gpu.shapes import LLAMA, QWEN, Shape
from ops.benchmark.peers.protocol import Answer, Item, Labelling, Turn
from ops.benchmark.results import BASELINE, REFERENCE

OURS, LABEL_ONLY = "bydawn", "bydawn-label-only"
WARM_UP_ROUND = 1_000_000  # whose prompts no other round has
NANO_VLLM_TOKENS = 10_000  # its benchmark draws token ids of 0 to this
LABEL_LETTERS = "abcdefghijklmnopqrstuvwxyz"  # each is a token of the benchmark's tokenizer


class Unit(StrEnum):
    """What a work's rate counts."""

    OUTPUT_TOKENS = "output tokens/s"
    ROWS = "rows/s"
    PROMPT_TOKENS = "prompt tokens/s"


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of load: `turn` makes round 0, 1, ... of it for a model's vocabulary.

    `systems` are those that do it unless others are asked for, ours first. With `steady_sequences` the steps
    in which as many sequences decode, and nothing else happens, are measured apart.
    """

    name: str
    title: str
    models: tuple[str, ...]
    unit: Unit
    turn: Callable[[int, Shape], Turn]
    systems: tuple[str, ...] = (OURS, BASELINE, REFERENCE)
    steady_sequences: int | None = None

    def rate(self, turn: Turn, answer: Answer) -> float:
        """How many of the unit a second."""
        match self.unit:
            case Unit.OUTPUT_TOKENS:
                amount = sum(answer.num_tokens)
            case Unit.ROWS:
                amount = len(turn.items)
            case Unit.PROMPT_TOKENS:
                amount = sum(len(item.prompt) for item in turn.items)
        return amount / answer.seconds


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the works are."""

    mixed_requests: int = 256
    mixed_tokens: tuple[int, int] = (100, 1024)
    rows: int = 5000
    prefix_tokens: int = 400
    row_tokens: int = 40
    labels: int = 20
    documents: int = 256
    document_tokens: int = 3000
    summary_tokens: int = 150
    decode_sequences: int = 64
    decode_prompt_tokens: int = 896
    decode_tokens: int = 256
    prefill_prompts: int = 128
    prefill_prompt_tokens: int = 2048


REAL_SIZES = Sizes()
TINY_SIZES = Sizes(
    mixed_requests=12,
    mixed_tokens=(10, 40),
    rows=40,
    prefix_tokens=64,
    row_tokens=8,
    documents=8,
    document_tokens=120,
    summary_tokens=12,
    decode_sequences=8,
    decode_prompt_tokens=32,
    decode_tokens=48,
    prefill_prompts=8,
    prefill_prompt_tokens=128,
)


def works(tiny: bool) -> dict[str, Work]:
    """All of them by name, in the order in which `all` runs them."""
    sizes = TINY_SIZES if tiny else REAL_SIZES
    made = (_mixed(sizes), _classify(sizes), _summarise(sizes), _decode(sizes), _prefill(sizes))
    return {work.name: work for work in made}


def _mixed(sizes: Sizes) -> Work:
    least, most = sizes.mixed_tokens
    title = f"mixed: {sizes.mixed_requests} requests, {least} to {most:,} tokens in and out"
    return Work("a", title, (QWEN,), Unit.OUTPUT_TOKENS, partial(mixed, sizes))


def _classify(sizes: Sizes) -> Work:
    title = (
        f"classify: {sizes.rows:,} rows of {sizes.row_tokens} tokens after {sizes.prefix_tokens} shared "
        f"ones, {sizes.labels} labels of 1 to 4 tokens"
    )
    systems = (OURS, LABEL_ONLY, BASELINE, REFERENCE)
    return Work("b", title, (QWEN,), Unit.ROWS, partial(classify, sizes), systems)


def _summarise(sizes: Sizes) -> Work:
    count, prompt, output = sizes.documents, sizes.document_tokens, sizes.summary_tokens
    title = f"summarise: {count} documents of {prompt:,} tokens, {output} out"
    return Work("c", title, (QWEN,), Unit.OUTPUT_TOKENS, partial(equal, "c", count, prompt, output))


def _decode(sizes: Sizes) -> Work:
    count, prompt, output = sizes.decode_sequences, sizes.decode_prompt_tokens, sizes.decode_tokens
    title = f"decode: {count} sequences, {prompt} tokens in, {output} out"
    turn = partial(equal, "decode", count, prompt, output)
    return Work("decode", title, (LLAMA,), Unit.OUTPUT_TOKENS, turn, (OURS,), steady_sequences=count)


def _prefill(sizes: Sizes) -> Work:
    count, prompt = sizes.prefill_prompts, sizes.prefill_prompt_tokens
    title = f"prefill: {count} prompts of {prompt:,} tokens, 1 out"
    turn = partial(equal, "prefill", count, prompt, 1)
    return Work("prefill", title, (QWEN, LLAMA), Unit.PROMPT_TOKENS, turn, (OURS,))


def mixed(sizes: Sizes, number: int, shape: Shape) -> Turn:
    """Round 0 is nano-vllm's bench.py (github.com/GeeeekExplorer/nano-vllm) draw by draw, whose seed is 0.

    Later rounds have the same lengths and other tokens.
    """
    draw = random.Random(0)  # noqa: S311
    least, most = sizes.mixed_tokens
    largest = min(NANO_VLLM_TOKENS, shape.vocab_size - 1)
    prompts = [
        [draw.randint(0, largest) for _ in range(draw.randint(least, most))]
        for _ in range(sizes.mixed_requests)
    ]
    outputs = [draw.randint(least, most) for _ in prompts]
    if number:
        again = random.Random(f"a {number}")  # noqa: S311
        prompts = [[again.randint(0, largest) for _ in prompt] for prompt in prompts]
    return Turn([Item(prompt, out) for prompt, out in zip(prompts, outputs, strict=True)])


def classify(sizes: Sizes, number: int, shape: Shape) -> Turn:
    """A system that only generates writes as many tokens as the longest label has."""
    draw = random.Random(f"b {number}")  # noqa: S311
    prefix = _tokens(draw, sizes.prefix_tokens, shape)
    prompts = [prefix + _tokens(draw, sizes.row_tokens, shape) for _ in range(sizes.rows)]
    blank = [prefix + _tokens(draw, tokens, shape) for tokens in (2, 4, 6, 8)]
    choices = labels(sizes.labels)
    longest = max(map(len, choices))
    return Turn([Item(prompt, longest) for prompt in prompts], Labelling(choices, blank))


def labels(count: int) -> list[str]:
    """Different texts of 1 to 4 letters in turns, some of them with a beginning in common."""
    draw = random.Random("labels")  # noqa: S311
    found: list[str] = []
    while len(found) < count:
        text = "".join(draw.choices(LABEL_LETTERS, k=len(found) % 4 + 1))
        if text not in found:
            found.append(text)
    return found


def equal(name: str, count: int, prompt_tokens: int, output_tokens: int, number: int, shape: Shape) -> Turn:
    """Requests of one length, each of its own tokens."""
    draw = random.Random(f"{name} {number}")  # noqa: S311
    return Turn([Item(_tokens(draw, prompt_tokens, shape), output_tokens) for _ in range(count)])


def _tokens(draw: random.Random, count: int, shape: Shape) -> list[int]:
    return draw.choices(range(shape.vocab_size), k=count)


def warm_up(work: Work, shape: Shape) -> Turn:
    """A small turn of the same kind, on prompts that no round has: so that nothing is met the first time."""
    turn = work.turn(WARM_UP_ROUND, shape)
    few = turn.items[: max(4, len(turn.items) // 16)]
    return Turn([Item(item.prompt, min(item.max_tokens, 16)) for item in few], turn.labelling)


def probe(work: Work, shape: Shape) -> Turn:
    """As many requests as a round has, with a sixteenth of its output: tells how fast a system will be."""
    turn = work.turn(WARM_UP_ROUND + 1, shape)
    return Turn([Item(item.prompt, -(-item.max_tokens // 16)) for item in turn.items], turn.labelling)
