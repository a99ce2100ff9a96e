"""Draws follow the distribution asked for, and depend on nothing but seed, position and logits."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from engine import Completion, Engine, FinishReason, Request, Sampling
from engine.sequence import Sequence
from engine.work import Generation, NoToken, Sampled
from tests.engine.conftest import MakeEngine
from tests.engine.sampled import sampled

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, -4.0])


def draw(sampling: Sampling, logits: torch.Tensor = LOGITS, prompt: tuple[int, ...] = (0,)) -> int:
    work = Generation(sampling, frozenset(), seed=sampling.seed or 0, stream=None)
    return token_of(logits, Sequence(list(prompt), work))


def token_of(logits: torch.Tensor, sequence: Sequence) -> int:
    (result,) = sampled(logits[None], [sequence])
    assert isinstance(result, Sampled)
    return result.token_id


def shares(num_draws: int = 2000, **settings: float) -> list[float]:
    """How often each token is drawn, over as many seeds."""
    counts = Counter(draw(Sampling(seed=seed, **settings)) for seed in range(num_draws))  # type: ignore[arg-type]
    return [counts[token_id] / num_draws for token_id in range(len(LOGITS))]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_distribution_at_a_temperature(temperature: float) -> None:
    assert shares(temperature=temperature) == pytest.approx(
        (LOGITS / temperature).softmax(0).tolist(), abs=0.04
    )


def test_top_k_draws_only_from_the_k_likeliest() -> None:
    expected = LOGITS[:2].softmax(0).tolist()
    assert shares(temperature=1.0, top_k=2) == pytest.approx([*expected, 0, 0, 0], abs=0.04)


@pytest.mark.parametrize(("top_p", "kept"), [(1e-9, 1), (0.6, 1), (0.7, 2), (0.9, 3), (1.0, 5)])
def test_top_p_draws_from_the_fewest_that_reach_it(top_p: float, kept: int) -> None:
    drawn = shares(temperature=1.0, top_p=top_p)
    assert drawn == pytest.approx([*LOGITS[:kept].softmax(0).tolist(), *[0] * (5 - kept)], abs=0.04)


def test_top_p_counts_what_top_k_has_left() -> None:
    # Of the two likeliest the first has 0.73.
    assert shares(num_draws=200, temperature=1.0, top_k=2, top_p=0.72) == [1, 0, 0, 0, 0]


def test_min_p_draws_from_what_is_likely_enough_beside_the_likeliest() -> None:
    # Beside the likeliest the others have 0.37, 0.14, 0.05 and 0.002.
    drawn = shares(temperature=1.0, min_p=0.1)
    assert drawn == pytest.approx([*LOGITS[:3].softmax(0).tolist(), 0, 0], abs=0.04)


def test_without_a_temperature_the_likeliest_is_taken() -> None:
    assert draw(Sampling()) == 0


def test_a_repetition_penalty_weakens_what_prompt_and_output_hold() -> None:
    assert draw(Sampling(repetition_penalty=1.9)) == 0
    assert draw(Sampling(repetition_penalty=2.1)) == 1
    # A negative logit gets smaller, too.
    assert draw(Sampling(repetition_penalty=2.0), torch.tensor([-1.0, -1.5])) == 1


def test_a_frequency_penalty_counts_how_often_the_output_alone_holds_a_token() -> None:
    def next_token(penalty: float, output: list[int]) -> int:
        work = Generation(Sampling(frequency_penalty=penalty), frozenset(), seed=0, stream=None)
        sequence = Sequence([0, 0, 0, 0], work)
        sequence.token_ids += output
        return token_of(LOGITS, sequence)

    assert next_token(9.0, []) == 0, "the prompt doesn't count"
    assert next_token(0.6, [0]) == 0
    assert next_token(0.6, [0, 0]) == 1
    assert next_token(0.6, [0, 0, 0, 1, 1]) == 0, "both pay for what they took"
    assert next_token(0.6, [0, 0, 0, 0, 1, 1, 1]) == 2


def test_a_penalty_leaves_the_next_rows_logits_alone() -> None:
    logits = LOGITS.clone()
    draw(Sampling(repetition_penalty=5.0), logits)
    assert torch.equal(logits, LOGITS)


def test_rows_of_all_sorts_come_out_together_as_they_do_alone() -> None:
    logits = torch.randn(12, 50, generator=torch.Generator().manual_seed(2))
    samplings = [
        Sampling(logprobs=2),
        Sampling(repetition_penalty=3.0),
        Sampling(frequency_penalty=2.0, logprobs=0),
        Sampling(temperature=2.0, seed=1),
        Sampling(temperature=2.0, seed=2, top_k=9, min_p=0.1, logprobs=5),
        Sampling(temperature=2.0, seed=3, repetition_penalty=2.0),
    ] * 2
    sequences = []
    for row, sampling in enumerate(samplings):
        work = Generation(sampling, frozenset(), seed=sampling.seed or 0, stream=None)
        sequences.append(Sequence([row, 3, 5], work))
        sequences[-1].token_ids += [int(logits[row].argmax())] * row
    alone = [sampled(logits[row : row + 1], [sequence])[0] for row, sequence in enumerate(sequences)]
    assert sampled(logits, sequences) == alone


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, top_k=3, logprobs=1)])
def test_logits_that_are_not_finite_cost_their_own_row_its_token(sampling: Sampling, value: float) -> None:
    logits = torch.stack([LOGITS, torch.full_like(LOGITS, value), LOGITS])
    works = [Generation(sampling, frozenset(), seed=1, stream=None) for _ in logits]
    first, broken, last = sampled(logits, [Sequence([0], work) for work in works])
    assert isinstance(broken, NoToken)
    assert "not finite" in broken.reason
    assert first == last == sampled(LOGITS[None], [Sequence([0], works[0])])[0]


def test_one_nan_among_the_logits_is_not_overlooked() -> None:
    logits = LOGITS.clone()
    logits[3] = torch.nan
    work = Generation(Sampling(), frozenset(), seed=1, stream=None)
    assert isinstance(sampled(logits[None], [Sequence([0], work)])[0], NoToken)


RANDOM = Sampling(max_tokens=20, temperature=1.5, top_p=0.95, seed=4, ignore_eos=True)


def generate(engine: Engine, sampling: Sampling, prompt: str = "a bug") -> Completion:
    completion: Completion = engine.submit(Request(prompt=prompt, sampling=sampling)).result(60)
    return completion


def test_a_seed_gives_the_same_tokens_alone_in_company_and_after_preemption(make_engine: MakeEngine) -> None:
    alone = generate(make_engine(), RANDOM)
    engine = make_engine(num_blocks=14, max_batch_tokens=9)
    company = [
        engine.submit(Request(prompt=f"{n} the lazy dog", sampling=Sampling(temperature=1.0, max_tokens=30)))
        for n in range(8)
    ]
    in_company = generate(engine, RANDOM)
    assert all(future.result(60) for future in company)
    assert engine.stats().preemptions > 0
    assert in_company.token_ids == alone.token_ids


def test_seeds_differ_and_so_do_requests_without_one(engine: Engine) -> None:
    seeds: tuple[int | None, ...] = (1, 2, None, None)
    outputs = {
        generate(engine, Sampling(max_tokens=20, temperature=1.5, seed=s, ignore_eos=True)).token_ids
        for s in seeds
    }
    assert len(outputs) == 4


def test_a_stop_string_ends_the_output_and_is_cut_from_its_text(engine: Engine) -> None:
    unstopped = generate(engine, RANDOM)
    stop = unstopped.text[5:8]
    stopped = generate(engine, Sampling(max_tokens=20, temperature=1.5, top_p=0.95, seed=4, stop=(stop,)))
    assert stopped.finish_reason is FinishReason.STOP
    assert stopped.text == unstopped.text[: unstopped.text.index(stop)]
    assert stopped.token_ids == unstopped.token_ids[: len(stopped.token_ids)]
    assert stopped.usage.output_tokens == len(stopped.token_ids) < 20


def test_a_stop_token_ends_the_output_and_is_no_part_of_its_text(engine: Engine) -> None:
    unstopped = generate(engine, RANDOM)
    stop_token_id = unstopped.token_ids[7]
    stopped = generate(engine, replace(RANDOM, stop_token_ids=(stop_token_id,)))
    assert stopped.finish_reason is FinishReason.STOP
    end = unstopped.token_ids.index(stop_token_id) + 1
    assert stopped.token_ids == unstopped.token_ids[:end]
    assert stopped.text == engine.tokenizer.decode(unstopped.token_ids[: end - 1])
    watched = generate(engine, replace(RANDOM, stop_token_ids=(stop_token_id,), stop=("never",)))
    assert watched.text == stopped.text
