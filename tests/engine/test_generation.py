"""Generated tokens are transformers' own, however the engine gets there."""

import random
from concurrent.futures import Future

import pytest

from engine import Completion, Engine, FinishReason, Request, Sampling
from tests.engine.conftest import MakeEngine
from tests.engine.tiny import FAMILIES, MAX_LEN, Reference

PROMPTS = [
    [random.Random(n).randrange(2, 320) for _ in range(n)] for n in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
]
GREEDY = Sampling(max_tokens=24, ignore_eos=True)


def generate(engine: Engine, prompts: list[list[int]], sampling: Sampling = GREEDY) -> list[Completion]:
    """Run prompts together."""
    futures: list[Future[Completion]] = [
        engine.submit(Request(prompt_token_ids=prompt, sampling=sampling)) for prompt in prompts
    ]
    return [future.result(60) for future in futures]


def expected(reference: Reference, prompts: list[list[int]]) -> list[list[int]]:
    return [reference.greedy(prompt, GREEDY.max_tokens, eos=False) for prompt in prompts]


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_of_prompts_run_together_are_those_of_transformers(
    family: str, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    completions = generate(make_engine(family), PROMPTS)
    assert [list(c.token_ids) for c in completions] == expected(references[family], PROMPTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_stay_the_same_under_chunked_prefill_and_preemption(
    family: str, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    engine = make_engine(family, num_blocks=30, max_batch_tokens=7)
    completions = generate(engine, PROMPTS)
    assert engine.stats().preemptions > 0
    assert [list(c.token_ids) for c in completions] == expected(references[family], PROMPTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_stay_the_same_with_prefix_hits(
    family: str, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    engine = make_engine(family)
    prompts = [PROMPTS[8] + tail for tail in ([5], [6, 7, 8], PROMPTS[6])]
    generate(engine, [prompts[0]])
    completions = generate(engine, prompts)
    assert [c.usage.cached_tokens for c in completions] == [55, 55, 55]
    assert [list(c.token_ids) for c in completions] == expected(references[family], prompts)


def test_requests_admitted_in_one_step_share_their_prefix(engine: Engine, reference: Reference) -> None:
    prompts = [PROMPTS[8] + [token_id] for token_id in range(2, 10)]
    completions = generate(engine, prompts)
    assert sum(c.usage.cached_tokens for c in completions) == 7 * 55
    assert [list(c.token_ids) for c in completions] == expected(reference, prompts)


def test_cached_tokens_are_gone_after_the_prefix_cache_is_reset(engine: Engine) -> None:
    generate(engine, [PROMPTS[8]])
    engine.reset_prefix_cache()
    assert engine.stats().blocks_cached == 0
    assert generate(engine, [PROMPTS[8]])[0].usage.cached_tokens == 0


def test_an_end_token_ends_the_output_unless_it_is_to_be_ignored(
    engine: Engine, reference: Reference
) -> None:
    long = Sampling(max_tokens=200)
    completions = generate(engine, PROMPTS, long)
    ended = [c for c in completions if c.finish_reason is FinishReason.STOP]
    assert ended, "no prompt reaches an end token: choose other prompts"
    assert all(c.token_ids[-1] == 1 and 1 not in c.token_ids[:-1] for c in ended)
    assert [list(c.token_ids) for c in completions] == [reference.greedy(p, 200) for p in PROMPTS]


def test_output_ends_at_max_tokens_and_usage_counts_it(engine: Engine) -> None:
    (completion,) = generate(engine, [PROMPTS[3]])
    assert completion.finish_reason is FinishReason.LENGTH
    assert (completion.usage.prompt_tokens, completion.usage.output_tokens) == (5, GREEDY.max_tokens)


def test_logprobs_are_those_of_the_models_own_distribution(engine: Engine, reference: Reference) -> None:
    sampling = Sampling(max_tokens=6, ignore_eos=True, logprobs=0, temperature=2.0, seed=1)
    (completion,) = generate(engine, [PROMPTS[4]], sampling)
    assert completion.logprobs is not None
    assert sum(completion.logprobs) == pytest.approx(
        reference.logprob(PROMPTS[4], completion.token_ids), abs=1e-4
    )


def test_the_likeliest_tokens_are_told_in_order_with_their_logprobs(
    engine: Engine, reference: Reference
) -> None:
    prompt = PROMPTS[4]
    requests = [(3, 0.0), (20, 0.0), (0, 0.0), (None, 0.0), (4, 2.0)]
    futures = []
    for count, temperature in requests:
        sampling = Sampling(max_tokens=5, ignore_eos=True, logprobs=count, temperature=temperature, seed=1)
        futures.append(engine.submit(Request(prompt_token_ids=prompt, sampling=sampling)))
    three, twenty, own, none, drawn = (future.result(60) for future in futures)
    assert (none.logprobs, none.top_logprobs, own.top_logprobs) == (None, None, None)
    assert [len(top) for top in drawn.top_logprobs] == [4] * 5
    for place in range(5):
        before = [*prompt, *three.token_ids[:place]]
        expected = [reference.logprob(before, [token_id]) for token_id in range(320)]
        likeliest = sorted(range(320), key=lambda token_id: -expected[token_id])[:3]
        assert [token_id for token_id, _ in three.top_logprobs[place]] == likeliest
        for token_id, logprob in twenty.top_logprobs[place]:
            assert logprob == pytest.approx(expected[token_id], abs=1e-4)
        assert three.logprobs[place] == three.top_logprobs[place][0][1]
        assert own.logprobs[place] == pytest.approx(three.logprobs[place], abs=1e-5)


def test_a_sequence_may_fill_the_model_to_its_last_position(engine: Engine, reference: Reference) -> None:
    prompt = [2 + n % 300 for n in range(MAX_LEN - 4)]
    (completion,) = generate(engine, [prompt], Sampling(max_tokens=4, ignore_eos=True))
    assert list(completion.token_ids) == reference.greedy(prompt, 4, eos=False)
