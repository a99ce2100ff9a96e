"""An engine on a GPU answers as transformers does, and as the engine on a CPU does."""

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine import Engine, Request, Sampling
from tests.engine.gpu.engines import BLOCK_TOKENS, ask_all, cpu_engine, gpu_engine, greedy
from tests.engine.gpu.reference import DEVICE
from tests.engine.tiny import FAMILIES, WINDOW, Reference, kv_bytes_per_token, save_model

CLOSE = 1e-4 if DEVICE.type == "cpu" else 2e-3  # a GPU makes float32 attention of products of TF32
FAMILY = "olmo2"  # in transformers' modules, which the interpreter need not run
EXPERTS = ("mixtral", "qwen3_moe")
CHOICES = (" billing", " bill", " bug in the account", "x")


def prompt(num_tokens: int, seed: int = 1) -> list[int]:
    """Texts of one seed begin alike."""
    numbers = random.Random(seed)
    return [numbers.randrange(2, 320) for _ in range(num_tokens)]


def generates(token_ids: list[int], max_tokens: int) -> Request:
    return Request(prompt_token_ids=token_ids, sampling=greedy(max_tokens))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the module's models lie."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """A model for the tests that are about the runner."""
    return save_model(FAMILY, folder / "model")


@pytest.fixture(scope="module")
def engine(model: Path) -> Iterator[Engine]:
    """For tests that need no settings of their own; all blocks come back."""
    with gpu_engine(model, max_sequences=4, max_batch_tokens=24) as engine:
        yield engine
        engine.check_integrity()


@pytest.fixture(scope="module")
def on_cpu(model: Path) -> Iterator[Engine]:
    """The same model on a CPU."""
    with cpu_engine(model) as engine:
        yield engine


@pytest.fixture(scope="module")
def reference(model: Path) -> Reference:
    """The same model as transformers runs it."""
    return Reference(model)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_equal_generate(family: str, folder: Path) -> None:
    path, text = save_model(family, folder / family), prompt(WINDOW + 4)
    with gpu_engine(path, max_sequences=1) as engine:
        (answer,) = ask_all(engine, [generates(text, 4)])
        stats = engine.stats()
    assert list(answer.token_ids) == Reference(path).greedy(text, 4, eos=False)
    # In float32 experts are looped over on the host, and no graph can do that.
    assert (stats.graph_hits, stats.graph_misses) == ((0, 4) if family in EXPERTS else (3, 1))


def test_long_and_short_texts_side_by_side(engine: Engine, reference: Reference) -> None:
    """Chunks beside decodes, more sequences than run at a time, buckets with padding."""
    texts = [prompt(count, seed=count) for count in (26, 1, 9, 4, 5)]
    before = engine.stats()
    answers = ask_all(engine, [generates(text, 3 + len(text) % 3) for text in texts])
    stats = engine.stats()
    for text, answer in zip(texts, answers, strict=True):
        assert list(answer.token_ids) == reference.greedy(text, 3 + len(text) % 3, eos=False)
    assert stats.graph_hits > before.graph_hits
    assert stats.graph_misses > before.graph_misses + 1


def test_the_beginning_of_a_block_is_copied(engine: Engine, reference: Reference) -> None:
    """In the step that computes it, and when that is long over."""
    texts = [[*prompt(BLOCK_TOKENS * 3 + 1, seed=4), ending] for ending in (5, 6, 7)]
    before = engine.stats().prefix_hit_tokens
    answers = ask_all(engine, [generates(text, 3) for text in texts[:2]])
    answers += ask_all(engine, [generates(texts[2], 3)])
    assert (engine.stats().prefix_hit_tokens - before) % BLOCK_TOKENS
    for text, answer in zip(texts, answers, strict=True):
        assert list(answer.token_ids) == reference.greedy(text, 3, eos=False)


def test_a_text_that_is_all_in_the_cache_but_its_last_token(engine: Engine, reference: Reference) -> None:
    """Its copies come with a decode, which no graph can compute."""
    text = prompt(BLOCK_TOKENS * 2 + 3, seed=5)
    answers = [ask_all(engine, [generates(text, 2)])[0] for _ in range(2)]
    assert answers[1].usage.cached_tokens == len(text) - 1
    for answer in answers:
        assert list(answer.token_ids) == reference.greedy(text, 2, eos=False)


def test_what_was_preempted_goes_on_as_if_nothing_had_been(model: Path, reference: Reference) -> None:
    texts = [prompt(count, seed=count) for count in (7, 8)]
    num_blocks = 5
    kv_cache_bytes = num_blocks * BLOCK_TOKENS * kv_bytes_per_token(FAMILY)
    with gpu_engine(model, kv_cache_bytes=kv_cache_bytes) as engine:
        answers = ask_all(engine, [generates(text, 5) for text in texts])
        assert engine.stats().preemptions
        engine.check_integrity()
    for text, answer in zip(texts, answers, strict=True):
        assert list(answer.token_ids) == reference.greedy(text, 5, eos=False)


def test_drawn_tokens_and_log_probabilities_are_those_of_a_cpu(engine: Engine, on_cpu: Engine) -> None:
    samplings = [
        Sampling(max_tokens=3, ignore_eos=True, temperature=1.5, seed=7, top_p=0.9),
        Sampling(max_tokens=3, ignore_eos=True, logprobs=2),
        Sampling(max_tokens=3, ignore_eos=True, repetition_penalty=1.5, frequency_penalty=0.5),
        Sampling(max_tokens=3, ignore_eos=True),
    ]
    requests = [Request(prompt_token_ids=prompt(8, seed=8), sampling=sampling) for sampling in samplings]
    for own, other in zip(ask_all(engine, requests), ask_all(on_cpu, requests), strict=True):
        assert own.token_ids == other.token_ids
        assert own.logprobs == (other.logprobs and pytest.approx(other.logprobs, abs=CLOSE))


def test_scores_of_choices_are_those_of_a_cpu(engine: Engine, on_cpu: Engine) -> None:
    requests = [
        Request(prompt="the account page", choices=CHOICES),
        Request(prompt="the account page of a fox", choices=CHOICES),
        Request(prompt="the dog", choices=CHOICES, best_only=True, choice_bias=(0.0, 0.5, 1.0, 0.0)),
        Request(prompt="the fox", choices=(" over",)),
    ]
    own, other = ask_all(engine, requests), ask_all(on_cpu, requests)
    for index in (0, 1, 3):
        assert own[index].choice_logprobs == pytest.approx(other[index].choice_logprobs, abs=CLOSE)
    assert own[2].index == other[2].index
    assert own[2].logprob == pytest.approx(other[2].logprob, abs=CLOSE)


def test_choices_longer_than_a_window_are_scored_as_on_a_cpu(folder: Path) -> None:
    path = save_model("gemma2", folder / "windows")
    choices = ("a" * (WINDOW + 5), "a" * (WINDOW + 3) + "bc", "ab")
    request = Request(prompt="aaaa", choices=choices)
    with gpu_engine(path, max_sequences=1) as own, cpu_engine(path) as other:
        (actual,), (expected,) = ask_all(own, [request]), ask_all(other, [request])
    assert max(expected.choice_token_counts) > WINDOW
    assert actual.choice_logprobs == pytest.approx(expected.choice_logprobs, abs=10 * CLOSE)


@pytest.mark.parametrize("layer", [0, 2, -1])
def test_pooled_states_are_those_of_a_cpu(engine: Engine, on_cpu: Engine, layer: int) -> None:
    requests = [
        Request(prompt_token_ids=prompt(27, seed=9), pool="mean+last", layer=layer),
        generates(prompt(5, seed=3), 2),
    ]
    for many in (requests, requests[:1]):  # in a whole pass, and in one that may end early
        own, other = ask_all(engine, many)[0], ask_all(on_cpu, many)[0]
        assert own.embedding == pytest.approx(other.embedding, abs=CLOSE)


def test_keys_and_values_in_fp8_change_scores_by_their_rounding(model: Path, on_cpu: Engine) -> None:
    request = Request(prompt="the account page", choices=CHOICES)
    with gpu_engine(model, kv_dtype="fp8", max_sequences=1) as engine:
        (rounded,) = ask_all(engine, [request])
        assert engine.fingerprint != on_cpu.fingerprint
    (exact,) = ask_all(on_cpu, [request])
    assert rounded.choice_logprobs == pytest.approx(exact.choice_logprobs, rel=0.1)
    assert rounded.choice_logprobs != pytest.approx(exact.choice_logprobs, abs=CLOSE)


def test_beginnings_of_blocks_are_copied_in_fp8_too(model: Path) -> None:
    texts = [[*prompt(BLOCK_TOKENS + 2, seed=4), ending] for ending in (5, 6)]
    with gpu_engine(model, kv_dtype="fp8", max_sequences=1) as engine:
        first = ask_all(engine, [generates(text, 2) for text in texts])
        assert engine.stats().prefix_hit_tokens == BLOCK_TOKENS + 2
        engine.reset_prefix_cache()
        assert first[1].token_ids == ask_all(engine, [generates(texts[1], 2)])[0].token_ids
