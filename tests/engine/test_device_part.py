"""What is read off a step: a part on the device that looks at no number, and one on the host, at a copy."""

from dataclasses import dataclass

import pytest
import torch

from engine import Sampling
from engine.edge_logprobs import LOGITS_ROWS, edge_logprobs
from engine.heads import Head
from engine.layer_tap import LayerTap
from engine.reading import make_tap, read
from engine.rows import PlacedChunk, place, row_order
from engine.sampler import sample
from engine.sequence import Chunk, Sequence
from engine.trie import ChoiceTrie
from engine.work import EdgeLogprobs, Generation, HiddenSums, Pooling, Sampled, Scoring
from tests.engine.fakes import pooling, scoring

HIDDEN, VOCABULARY = 8, 50
TRIE = [(1, 2, 3), (1, 4), (5,)]
SAMPLINGS = [
    Sampling(),
    Sampling(logprobs=3),
    Sampling(temperature=1.0, logprobs=0),
    Sampling(temperature=0.7, top_k=5, top_p=0.9, min_p=0.05, repetition_penalty=1.2, logprobs=2),
    Sampling(temperature=1.3, frequency_penalty=0.5),
]


@dataclass
class Matched:
    """What of a matcher the sampler looks at."""

    bitmask: bytes = b"\xf0" * 7


class Model:
    """A head alone."""

    def __init__(self, device: str) -> None:
        self.config = type("Config", (), {"model_type": "llama"})
        torch.manual_seed(3)
        self.lm_head = torch.nn.Linear(HIDDEN, VOCABULARY, bias=False).to(device)


def in_rows(chunks: list[Chunk]) -> list[PlacedChunk]:
    """As a CPU's pass has them."""
    return place(chunks, row_order(chunks))


def chunks() -> list[Chunk]:
    """All kinds of work, the last chunk of each or one before."""
    made = []
    for seed, sampling in enumerate(SAMPLINGS):
        made.append(Chunk(generation(sampling, seed), 2, 5, is_last=True))
    made.append(Chunk(generation(SAMPLINGS[0], 9, Matched()), 4, 5, is_last=True))
    made.append(Chunk(generation(SAMPLINGS[0], 8), 0, 3, is_last=False))
    for start, end in ((0, 2), (1, 4), (2, 8)):
        sequence = scoring([1, 2, 3], TRIE)
        made.append(Chunk(sequence, start, end, is_last=end == len(sequence.token_ids)))
    made += [Chunk(pooling([1, 2, 3]), 0, 3, is_last=True), Chunk(pooling([1, 2, 3]), 0, 2, is_last=False)]
    return made


def generation(sampling: Sampling, seed: int, matcher: Matched | None = None) -> Sequence:
    work = Generation(sampling, frozenset(), seed, None, matcher)  # type: ignore[arg-type]
    return Sequence([1, 2, 3, 1, 2], work)


def hidden_states(device: str) -> torch.Tensor:
    num_rows = sum(chunk.num_tokens for chunk in chunks())
    return torch.randn(num_rows, HIDDEN, generator=torch.Generator().manual_seed(1)).to(device)


@torch.inference_mode()
def test_nothing_on_the_device_is_looked_at_before_it_is_copied() -> None:
    # There are no numbers on this device: whatever asks for one fails, or for how many of them are not 0.
    reading = read(in_rows(chunks()), make_tap(chunks()), hidden_states("meta"), Head(Model("meta")))
    here = read(in_rows(chunks()), make_tap(chunks()), hidden_states("cpu"), Head(Model("cpu")))
    assert reading.packed.is_meta
    assert reading.packed.shape == here.packed.shape
    assert reading.samples is not None
    assert reading.samples.token_ids.is_meta


@torch.inference_mode()
def test_all_that_is_read_together_is_what_each_gives_alone() -> None:
    head, hidden = Head(Model("cpu")), hidden_states("cpu")
    reading = read(placed := in_rows(chunks()), make_tap(chunks()), hidden, head)
    assert reading.packed.dtype is torch.float64
    assert reading.packed.ndim == 1
    results = reading.unpack(reading.packed.clone())
    kinds = [Sampled] * 6 + [type(None)] + [EdgeLogprobs] * 3 + [HiddenSums] * 2
    assert list(map(type, results)) == kinds
    for item in placed:
        rows = hidden[item.rows]
        one = read(in_rows([item.chunk]), make_tap([item.chunk]), rows, head)
        (alone,) = one.unpack(one.packed)
        assert_alike(results[item.index], alone)


def assert_alike(result: object, alone: object) -> None:
    """The same up to the rounding of products of more and of fewer rows."""
    match result, alone:
        case Sampled(), Sampled():
            assert (result.token_id, [i for i, _ in result.top_logprobs]) == (
                alone.token_id,
                [i for i, _ in alone.top_logprobs],
            )
            assert result.logprob == (None if alone.logprob is None else pytest.approx(alone.logprob))
        case EdgeLogprobs(), EdgeLogprobs():
            assert result.by_edge == pytest.approx(alone.by_edge)
        case _:
            assert result == alone


@torch.inference_mode()
def test_a_pass_that_ends_at_a_layer_gives_its_sums_and_one_that_gives_nothing_is_empty() -> None:
    chunk = Chunk(Sequence([1, 2], Pooling("mean", 1)), 0, 2, is_last=True)
    tap = LayerTap({1}, whole=True)
    tap.take(1, states := torch.randn(2, HIDDEN))
    reading = read(in_rows([chunk]), tap, None, Head(Model("cpu")))
    (sums,) = reading.unpack(reading.packed)
    assert sums == HiddenSums(states.double().sum(0).tolist(), states[1].double().tolist())
    unfinished = Chunk(generation(SAMPLINGS[0], 8), 0, 3, is_last=False)
    empty = read(in_rows([unfinished]), make_tap([unfinished]), torch.randn(3, HIDDEN), Head(Model("cpu")))
    assert empty.unpack(empty.packed) == [None]


@torch.inference_mode()
def test_ids_stay_on_the_device_in_the_order_of_their_chunks() -> None:
    given = chunks()
    reading = read(in_rows(given), make_tap(given), hidden_states("cpu"), Head(Model("cpu")))
    assert reading.samples is not None
    results = zip(given, reading.unpack(reading.packed), strict=True)
    on_host = {chunk.sequence: result.token_id for chunk, result in results if isinstance(result, Sampled)}
    sequences = [chunk.sequence for chunk in reading.samples.chunks]
    assert dict(zip(sequences, reading.samples.token_ids.tolist(), strict=True)) == on_host


@torch.inference_mode()
def test_a_draw_is_the_same_whether_the_token_before_it_is_known_or_pending() -> None:
    logits = torch.zeros(40, VOCABULARY)
    known, pending = ([generation(SAMPLINGS[2], seed) for seed in range(40)] for _ in range(2))
    for each in known:
        each.token_ids.append(7)
    ids = [
        sample(logits, [Chunk(each, 5, 6, is_last=True) for each in some]).token_ids.tolist()
        for some in (known, pending)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) > 10


@torch.inference_mode()
def test_edges_are_scored_in_as_many_parts_as_their_logits_need() -> None:
    trie = ChoiceTrie.of([(token_id, token_id) for token_id in range(40)])
    some = [Chunk(Sequence([1, 2], Scoring(trie)), 0, 42, is_last=True) for _ in range(9)]
    assert sum(chunk.num_tokens for chunk in some) > 2 * LOGITS_ROWS
    head, hidden = Head(Model("cpu")), torch.randn(42, HIDDEN)
    together = edge_logprobs([(chunk, 42 * row) for row, chunk in enumerate(some)], hidden.repeat(9, 1), head)
    (expected,) = (one := edge_logprobs([(some[0], 0)], hidden, head)).unpack(one.packed)
    assert len(expected.by_edge) == 80
    for scored in together.unpack(together.packed):
        assert scored.by_edge == pytest.approx(expected.by_edge)
