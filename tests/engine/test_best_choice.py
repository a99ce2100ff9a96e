"""The best choice alone is the one that scoring all of them gives, and takes fewer tokens to find."""

import random
import re
from concurrent.futures import Future
from math import fsum, inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import BestChoice, Engine, Request, RequestError, RequestTooLong, Sampling
from engine.best_choice import NEAR_NATS, BestChoiceSearch
from engine.request import FinishReason
from engine.sequence import Chunk, Sequence
from engine.trie import ChoiceTrie
from engine.work import EdgeLogprobs, Scoring
from tests.engine.conftest import MakeEngine

WORDS = (" billing", " bug", " account", " in", " the", " page", " lazy", " dog", "x", " a", " quick", " fox")

choice_lists = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple), min_size=1, max_size=12, unique=True
)
# Few values, so that many sums are equal.
logprobs_or_biases = st.lists(st.sampled_from([-4.0, -1.0, -0.5, -0.1, 0.0]), min_size=100, max_size=100)


def search(trie: ChoiceTrie, bias: list[float], logprobs: list[float]) -> Scoring:
    """A search to its end, in which edge i turns out to have `logprobs[i]`."""
    work = Scoring(trie, BestChoiceSearch(trie, tuple(bias)))
    sequence = Sequence([7], work)
    computed, reason = [0], None
    while reason is None:
        before = len(work.nodes)
        known = {edge: logprobs[edge] for node in computed for edge in trie.edges_after[node]}
        reason = sequence.take_scores(EdgeLogprobs(known), is_last=True)
        computed = work.nodes[before:]
        assert (reason is FinishReason.STOP) == (not computed)
    return work


def best(work: Scoring) -> int:
    assert work.search is not None
    return work.search.best(work.edge_logprobs)


@given(choice_lists, logprobs_or_biases, logprobs_or_biases)
def test_it_is_the_first_of_those_with_the_greatest_value(
    choices: list[tuple[int, ...]], logprobs: list[float], biases: list[float]
) -> None:
    trie = ChoiceTrie.of(choices)
    values = [
        fsum(logprobs[edge] for edge in path) + bias for path, bias in zip(trie.choices, biases, strict=False)
    ]
    assert best(search(trie, biases[: len(choices)], logprobs)) == values.index(max(values))


@given(choice_lists, logprobs_or_biases)
def test_no_node_is_computed_twice_and_each_comes_after_those_above_it(
    choices: list[tuple[int, ...]], logprobs: list[float]
) -> None:
    trie = ChoiceTrie.of(choices)
    nodes = search(trie, [0.0] * len(choices), logprobs).nodes
    assert len(set(nodes)) == len(nodes)
    for place, node in enumerate(nodes):
        assert trie.parents[node - 1] in {0, *nodes[:place]}


def test_a_choice_that_wins_early_leaves_the_others_nodes_uncomputed() -> None:
    trie = ChoiceTrie.of([(1, 2, 3), (4, 5, 6), (7,)])
    likely = search(trie, [0.0] * 3, [-9.0, 0.0, 0.0, -8.0, 0.0, 0.0, -0.5])
    assert (best(likely), likely.nodes) == (2, [])
    close = search(trie, [0.0] * 3, [-9.0, 0.0, 0.0, -0.4, -0.3, 0.0, -0.5])
    assert (best(close), close.nodes) == (2, [2])


def test_a_round_takes_what_is_near_the_leader_and_only_its_next_nodes() -> None:
    trie = ChoiceTrie.of([(1, 2, 3), (4, 5, 6), (7, 8, 9)])
    wanted = BestChoiceSearch(trie, (0.0, 0.5, 0.0)).wanted_nodes
    firsts = [path[0] for path in trie.choices]
    assert wanted({}) == []
    assert wanted(dict(zip(firsts, (-1.0, -1.0, -1.0 - NEAR_NATS), strict=True))) == [2, 1]


def some_request(draw: random.Random, **more: Any) -> Request:
    """A prompt, choices that share beginnings, and biases that decide between some of them."""
    texts = {"".join(draw.choices(WORDS, k=draw.randint(1, 4))) for _ in range(draw.randint(1, 10))}
    prompt = [draw.randrange(2, 320) for _ in range(draw.randint(1, 40))]
    return Request(prompt_token_ids=prompt, choices=sorted(texts), **more)


def both(engine: Engine, draw: random.Random) -> tuple[list[float], "Future[Any]", "Future[Any]"]:
    """A request's biases, all its scores and its best choice."""
    request = some_request(draw)
    assert request.choices is not None
    bias = [draw.uniform(-6, 6) for _ in request.choices]
    ids, choices = request.prompt_token_ids, request.choices
    alone = Request(prompt_token_ids=ids, choices=choices, best_only=True, choice_bias=bias)
    return bias, engine.submit(request), engine.submit(alone)


def check(bias: list[float], scored: "Future[Any]", chosen: "Future[Any]") -> None:
    scores, answer = scored.result(60), chosen.result(60)
    assert isinstance(answer, BestChoice)
    values = [logprob + more for logprob, more in zip(scores.choice_logprobs, bias, strict=True)]
    # With biases drawn from a continuum no two are equal but for the rounding of a step in other company.
    assert values[answer.index] == pytest.approx(max(values), abs=1e-3)
    assert answer.logprob == pytest.approx(scores.choice_logprobs[answer.index], abs=1e-3)
    assert answer.token_count == scores.choice_token_counts[answer.index]


# Windows shorter than the prompts, and soft caps.
@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen2"])
def test_it_is_what_all_scores_say_in_company(family: str, make_engine: MakeEngine) -> None:
    engine, draw = make_engine(family), random.Random(family)
    for answers in [both(engine, draw) for _ in range(150)]:
        check(*answers)


def test_it_is_what_all_scores_say_when_steps_are_short_and_blocks_are_few(make_engine: MakeEngine) -> None:
    engine, draw = make_engine(num_blocks=34, max_batch_tokens=7), random.Random(5)
    company = [
        engine.submit(Request(prompt_token_ids=[n], sampling=Sampling(max_tokens=60, ignore_eos=True)))
        for n in range(2, 6)
    ]
    for answers in [both(engine, draw) for _ in range(100)]:
        check(*answers)
    assert all(future.result(60) for future in company)
    assert engine.stats().preemptions > 0


def test_a_search_goes_on_where_it_was_after_its_blocks_were_taken() -> None:
    trie = ChoiceTrie.of([(1, 2, 3), (4, 5, 6)])
    sequence = Sequence([7, 8], Scoring(trie, BestChoiceSearch(trie, (0.0, 0.0))))
    sequence.admit([0], 0)
    sequence.take_scores(EdgeLogprobs({0: -0.1, 3: -0.2}), is_last=True)
    sequence.preempt()
    assert sequence.token_ids == [7, 8, 1, 4]
    assert sequence.positions(0, 4) == [0, 1, 2, 2]
    assert sequence.take_scores(EdgeLogprobs({0: -0.1, 3: -0.2}), is_last=False) is None
    assert sequence.token_ids == [7, 8, 1, 4]


def test_nodes_below_each_other_are_attended_to_like_text() -> None:
    trie = ChoiceTrie.of([(1, 2, 3, 4), (1, 2, 5), (6, 7)])
    work = Scoring(trie, BestChoiceSearch(trie, (0.0, 0.0, 0.0)))
    sequence = Sequence([9, 9], work)
    work.append([1, 3, 2, 4])
    chunks = [Chunk(sequence, 0, end, is_last=end == 6) for end in (2, 3, 4, 5, 6)]
    assert [chunk.is_causal for chunk in chunks] == [True, True, True, False, False]


def test_a_best_choice_of_one_token_takes_one_step_with_the_prompt(engine: Engine) -> None:
    request = Request(
        prompt="a", choices=("x", " a lazy dog", " the fox"), best_only=True, choice_bias=(99, 0, 0)
    )
    answer: BestChoice = engine.submit(request).result(60)
    assert (answer.index, answer.token_count, engine.stats().steps) == (0, 1, 1)


def test_room_must_be_for_all_choices_though_few_may_be_computed(make_engine: MakeEngine) -> None:
    engine = make_engine(num_blocks=10)
    choices = (" quick brown fox", "a ticket about", "the lazy dog", "jumps over")
    with pytest.raises(RequestTooLong, match="40 tokens"):
        engine.submit(Request(prompt_token_ids=[7] * 33, choices=choices, best_only=True))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"best_only": True}, "best_only=True without choices"),
    ({"best_only": 1, "choices": ["a", "b"]}, "best_only=1: use True or False"),
    ({"choice_bias": [1.0]}, "choice_bias without best_only=True"),
    ({"choices": ["a", "b"], "choice_bias": [0, 0]}, "choice_bias without best_only=True"),
    ({"best_only": True, "choice_bias": [1.0]}, "best_only=True without choices"),
]
BAD_BIASES: list[tuple[Any, str]] = [
    ([1.0], "choice_bias has 1 numbers and choices 2"),
    ([], "choice_bias has 0 numbers and choices 2"),
    ("ab", "choice_bias is a str"),
    ([0.0, nan], "choice_bias[1] is no finite number"),
    ([-inf, 0.0], "choice_bias[0] is no finite number"),
    ([0.0, 10**5000], "choice_bias[1] is no finite number"),
    ([None, 0.0], "choice_bias[0] is no finite number"),
    ([0.0, True], "choice_bias[1] is no finite number"),
]
BAD += [({"choices": ["a", "b"], "best_only": True, "choice_bias": bias}, why) for bias, why in BAD_BIASES]


@pytest.mark.parametrize(("given_", "reason"), BAD)
def test_what_cannot_be_chosen_by_is_refused_with_the_reason(
    engine: Engine, given_: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RequestError, match=re.escape(reason)):
        engine.submit(Request(prompt="a", **given_))
    assert engine.stats().waiting == 0
