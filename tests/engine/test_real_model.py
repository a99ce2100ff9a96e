"""The default model gives what transformers gives."""

import random
import time
from collections.abc import Iterator

import pytest

from engine import Engine, EngineConfig, Request, Sampling
from engine.models import resolve
from engine.tokenizer import Tokenizer
from tests.engine.tiny import Reference

pytestmark = pytest.mark.real_model

MODEL = "smollm2-135m-instruct"
SUBJECTS = ("the sea", "a bank account", "Paris", "bread", "the moon", "winter", "a violin")
LABELS = (" billing", " bug report", " bug", " account access", " refund", " card not working")
TICKET = "My card was charged twice for the same order and I want my money back.\nTopic:"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(EngineConfig(device="cpu", dtype="float32", kv_cache_bytes=256 << 20)) as engine:
        yield engine
        engine.check_integrity()


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(resolve(MODEL).path)


def prompts(tokenizer: Tokenizer) -> list[list[int]]:
    """20 prompts of different lengths."""
    words = " ".join(SUBJECTS).split()
    texts = [f"Write about {', '.join(random.Random(n).choices(words, k=1 + 3 * n))}." for n in range(20)]
    return [tokenizer.chat_token_ids([{"role": "user", "content": text}]) for text in texts]


def test_greedy_tokens_are_those_of_transformers(engine: Engine, reference: Reference) -> None:
    requests = [
        Request(prompt_token_ids=prompt, sampling=Sampling(max_tokens=12))
        for prompt in prompts(engine.tokenizer)
    ]
    futures = [engine.submit(request) for request in requests]
    for request, future in zip(requests, futures, strict=True):
        assert request.prompt_token_ids is not None
        expected = reference.greedy(request.prompt_token_ids, 12)
        assert list(future.result(120).token_ids) == expected


def test_choice_scores_equal_brute_force_in_company(engine: Engine, reference: Reference) -> None:
    company = [engine.submit(Request(prompt=text, sampling=Sampling(max_tokens=8))) for text in SUBJECTS]
    scores = engine.submit(Request(prompt=TICKET, choices=LABELS)).result(120)
    prompt = engine.tokenizer.encode(TICKET)
    expected = [reference.logprob(prompt, engine.tokenizer.encode(label)) for label in LABELS]
    assert scores.choice_logprobs == pytest.approx(expected, abs=1e-4)
    assert all(future.result(120) for future in company)


def test_pooled_hidden_states_are_those_of_transformers(engine: Engine, reference: Reference) -> None:
    for layer in (10, -1):
        pooled = engine.submit(Request(prompt=TICKET, pool="mean+last", layer=layer)).result(120)
        hidden = reference.hidden(engine.tokenizer.encode(TICKET), layer)
        expected = [*hidden.mean(0).tolist(), *hidden[-1].tolist()]
        # The residual stream has features in the thousands.
        assert pooled.embedding == pytest.approx(expected, abs=1e-4, rel=1e-4)


def test_a_question_is_answered(engine: Engine) -> None:
    prompt = engine.tokenizer.chat_token_ids([{"role": "user", "content": "What is the capital of France?"}])
    answer = engine.submit(Request(prompt_token_ids=prompt, sampling=Sampling(max_tokens=32))).result(120)
    assert answer.text == "The capital of France is Paris."


def test_the_tokenizer_loads_quickly_once_the_model_is_converted(engine: Engine) -> None:
    started = time.monotonic()
    assert Tokenizer.load(MODEL).eos_token_ids == engine.tokenizer.eos_token_ids == {2}
    assert time.monotonic() - started < 5  # 0.5 s on an idle machine
