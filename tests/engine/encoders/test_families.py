"""Label scores and vectors of every family are transformers' own, alone and in company."""

import random

import pytest
import torch

from engine import Embedding, EncoderEngine, LabelScores, Request
from engine.encoders.families import FAMILIES
from engine.encoders.runner import EncoderRunner
from engine.request import Pool
from engine.sequence import Chunk, Sequence
from engine.work import Encoded, Encoding, VectorAsk
from tests.engine.encoders import tiny
from tests.engine.encoders.conftest import Folder, Shared
from tests.engine.encoders.tiny import CLS, FIRST_TEXT_TOKEN, SEP, VOCAB_SIZE, Reference

LENGTHS = (3, 5, 9, 10, 11, 17, 30, 31, 55, 60)


def texts(seed: int = 0) -> list[list[int]]:
    """Of several lengths, shuffled, with the tokens that a tokenizer puts around them."""
    draw = random.Random(seed)
    lengths = draw.sample(LENGTHS, len(LENGTHS))
    return [
        [CLS, *(draw.randrange(FIRST_TEXT_TOKEN, VOCAB_SIZE) for _ in range(length - 2)), SEP]
        for length in lengths
    ]


def vector(engine: EncoderEngine, text: list[int], pool: Pool = "mean", layer: int = -1) -> tuple[float, ...]:
    answer: Embedding = engine.submit(Request(prompt_token_ids=text, pool=pool, layer=layer)).result(60)
    return answer.embedding


def test_every_family_that_is_let_in_is_compared_with_transformers() -> None:
    assert set(FAMILIES) == set(tiny.FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_label_scores_are_transformers_own(family: str, classifier: Folder, shared_engine: Shared) -> None:
    engine, reference = shared_engine(classifier(family)), Reference(classifier(family))
    futures = [engine.submit(Request(prompt_token_ids=text, labels=True)) for text in texts()]
    for text, future in zip(texts(), futures, strict=True):
        scored: LabelScores = future.result(60)
        expected = torch.tensor(reference.logits(text)).softmax(-1).tolist()
        assert scored.scores == pytest.approx(expected, abs=1e-4)
        assert scored.usage.prompt_tokens == len(text)


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_of_every_layer_are_transformers_own(
    family: str, classifier: Folder, shared_engine: Shared
) -> None:
    engine, reference = shared_engine(classifier(family)), Reference(classifier(family))
    text = texts()[0]
    for layer in (-1, 3, 2, 1, 0, -4):
        hidden = reference.hidden(text, layer)
        expected = [*hidden.mean(0).tolist(), *hidden[-1].tolist()]
        assert vector(engine, text, "mean+last", layer) == pytest.approx(expected, abs=1e-4), layer
        assert vector(engine, text, "cls", layer) == pytest.approx(hidden[0].tolist(), abs=1e-4), layer


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_beside_a_much_longer_one_gives_what_it_gives_alone(
    family: str, classifier: Folder, shared_engine: Shared
) -> None:
    """In one batch, with more padding than the scheduler would ever allow."""
    engine = shared_engine(classifier(family))
    short, long = ([CLS, *range(20, 20 + length), SEP] for length in (2, 58))
    pools: tuple[Pool, ...] = ("mean", "last", "cls")
    for ask in (None, *(VectorAsk(pool, None, normalize=False) for pool in pools)):
        together, _ = run(engine, [short, long], ask)
        (alone,) = run(engine, [short], ask)
        assert together == pytest.approx(alone, abs=1e-4), ask


def run(engine: EncoderEngine, batch: list[list[int]], ask: VectorAsk | None) -> list[list[float]]:
    """Through the engine's runner, in one batch."""
    runner = engine._loop._runner
    assert isinstance(runner, EncoderRunner)
    chunks = [Chunk(Sequence(text, Encoding(ask)), 0, len(text), is_last=True) for text in batch]
    results = runner._run_lane(chunks)
    return [result.values for result in results if isinstance(result, Encoded)]
