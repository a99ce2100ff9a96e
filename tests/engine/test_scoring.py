"""Choice scores are the log-probabilities that a pass over prompt and choice would give."""

import random

import pytest

from engine import ChoiceScores, Engine, Request, RequestError, RequestTooLong, Sampling
from tests.engine.conftest import MakeEngine
from tests.engine.tiny import FAMILIES, Reference

PROMPT = [random.Random(1).randrange(2, 320) for _ in range(33)]
# They share beginnings, one is the beginning of another, and one is a single token.
CHOICES = (
    " billing",
    " bill",
    " bug in the account",
    " bug in the page",
    "x",
    " a lazy dog jumps over the fox",
)


def score(engine: Engine, prompt: list[int] = PROMPT, choices: tuple[str, ...] = CHOICES) -> ChoiceScores:
    scores: ChoiceScores = engine.submit(Request(prompt_token_ids=prompt, choices=choices)).result(60)
    return scores


def brute_force(engine: Engine, reference: Reference, prompt: list[int] = PROMPT) -> list[float]:
    encoded = [engine.tokenizer.encode(choice, add_special_tokens=False) for choice in CHOICES]
    return [reference.logprob(prompt, token_ids) for token_ids in encoded]


@pytest.mark.parametrize("max_batch_tokens", [256, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_equal_brute_force_also_when_the_trie_exceeds_the_budget(
    family: str, max_batch_tokens: int, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    engine = make_engine(family, max_batch_tokens=max_batch_tokens)
    scores = score(engine)
    assert scores.choice_logprobs == pytest.approx(brute_force(engine, references[family]), abs=1e-4)


def test_the_prompt_of_one_token_can_be_scored(engine: Engine, reference: Reference) -> None:
    scores = score(engine, [7])
    assert scores.choice_logprobs == pytest.approx(brute_force(engine, reference, [7]), abs=1e-4)


def test_choices_of_one_token_take_one_step_with_the_prompt(engine: Engine) -> None:
    scores = score(engine, choices=("x", "y", "z"))
    assert scores.choice_token_counts == (1, 1, 1)
    assert engine.stats().steps == 1


def test_scores_and_their_usage_say_nothing_of_output_tokens(engine: Engine) -> None:
    usage = score(engine).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.output_tokens) == (33, 0, 0)


def test_a_scored_prompt_serves_the_next_and_the_choices_leave_nothing(engine: Engine) -> None:
    first, second = score(engine), score(engine)
    assert second.usage.cached_tokens == 32
    assert second.choice_logprobs == pytest.approx(first.choice_logprobs, abs=1e-4)
    assert engine.stats().blocks_cached == 9


# With experts, the company decides how many rows an expert has.
@pytest.mark.parametrize("family", ["llama", "mixtral", "qwen3_moe"])
def test_scores_do_not_depend_on_the_company(family: str, make_engine: MakeEngine) -> None:
    alone = score(make_engine(family))
    engine = make_engine(family, num_blocks=60, max_batch_tokens=16)
    others = [Request(prompt_token_ids=PROMPT[n:], sampling=Sampling(max_tokens=30)) for n in range(12)]
    futures = [engine.submit(other) for other in others[:6]]
    scored = engine.submit(Request(prompt_token_ids=PROMPT, choices=CHOICES))
    futures += [engine.submit(other) for other in others[6:]]
    assert scored.result(60).choice_logprobs == pytest.approx(alone.choice_logprobs, abs=1e-3)
    assert all(future.result(60) for future in futures)


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ([], "choices is empty"),
        (["a", ""], "no tokens"),
        (["a", "b", "a"], "same tokens"),
        ("ab", "choices is a str"),
    ],
)
def test_choices_that_cannot_be_told_apart_are_refused(
    engine: Engine, choices: list[str], reason: str
) -> None:
    with pytest.raises(RequestError, match=reason):
        engine.submit(Request(prompt="a", choices=choices))


def test_choices_that_exceed_the_kv_cache_are_refused(make_engine: MakeEngine) -> None:
    engine = make_engine(num_blocks=10)
    with pytest.raises(RequestTooLong, match="40 tokens"):
        score(engine, PROMPT, (" quick brown fox", "a ticket about", "the lazy dog", "jumps over"))
