"""The filters leave what transformers' own leave, and nothing that they leave out is ever drawn."""

import pytest
import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.draw import Filters, candidates, draw

SCORES = torch.randn(6, 200, generator=torch.Generator().manual_seed(5)) * 3
ALMOST_ONE = 1 - 2**-53

FILTERS = [
    Filters(0.7),
    Filters(1.0, top_k=7),
    Filters(1.5, top_p=0.8),
    Filters(1.0, min_p=0.05),
    Filters(2.0, min_p=1.0),
    Filters(1.3, top_k=50, top_p=0.9),
    Filters(1.3, top_k=20, min_p=0.1),
    Filters(1.1, top_p=0.95, min_p=0.02),
    Filters(3.0, top_k=40, top_p=0.9, min_p=0.3),
]


def transformers_probabilities(filters: Filters) -> torch.Tensor:
    """[rows, vocab_size], in the order in which `generate` puts its processors."""
    processors = LogitsProcessorList([TemperatureLogitsWarper(filters.temperature)])
    if filters.top_k is not None:
        processors.append(TopKLogitsWarper(filters.top_k))
    if filters.top_p is not None:
        processors.append(TopPLogitsWarper(filters.top_p))
    if filters.min_p is not None:
        processors.append(MinPLogitsWarper(filters.min_p))
    scores: torch.Tensor = processors(torch.zeros(6, 1, dtype=torch.int64), SCORES.clone())
    return scores.softmax(-1)


def our_probabilities(filters: Filters) -> torch.Tensor:
    probabilities, token_ids = candidates(SCORES, filters)
    probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return (
        probabilities if token_ids is None else torch.zeros_like(SCORES).scatter(1, token_ids, probabilities)
    )


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_probabilities_are_those_of_transformers_processors(filters: Filters) -> None:
    expected, ours = transformers_probabilities(filters), our_probabilities(filters)
    assert torch.equal(ours > 0, expected > 0)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("number", [0.0, 0.5, ALMOST_ONE])
def test_what_is_filtered_out_is_never_drawn(filters: Filters, number: float) -> None:
    drawn = draw(SCORES, filters, [number] * 6).tolist()
    assert all(our_probabilities(filters)[row, token_id] > 0 for row, token_id in enumerate(drawn))


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_row_draws_the_same_alone_and_among_others(filters: Filters) -> None:
    numbers = [0.03, 0.2, 0.4, 0.6, 0.8, 0.99]
    alone = [draw(SCORES[row : row + 1], filters, numbers[row : row + 1]).item() for row in range(6)]
    assert draw(SCORES, filters, numbers).tolist() == alone


@pytest.mark.parametrize("filters", [Filters(1.0, top_p=0.9), Filters(1.0, top_k=3), Filters(1.0)], ids=str)
@pytest.mark.parametrize("number", [0.05, 0.3, 0.45, 0.8])
def test_two_tokens_that_rounding_makes_change_ranks_are_drawn_alike(filters: Filters, number: float) -> None:
    scores = torch.tensor([[0.0, 2.0, 2.0, -9.0, 1.0]])
    up, down = scores.clone(), scores.clone()
    up[0, 1] += 1e-6
    down[0, 1] -= 1e-6
    assert draw(up, filters, [number]).equal(draw(down, filters, [number]))


@pytest.mark.parametrize("top_p", [1e-30, 1e-46, 5e-324])
def test_the_smallest_top_p_leaves_the_likeliest(top_p: float) -> None:
    assert draw(SCORES, Filters(1.0, top_p=top_p), [0.9] * 6).tolist() == SCORES.argmax(-1).tolist()


@pytest.mark.parametrize("temperature", [1e-320, 1e-9])
def test_the_coldest_temperature_takes_the_likeliest(temperature: float) -> None:
    assert draw(SCORES, Filters(temperature), [0.9] * 6).tolist() == SCORES.argmax(-1).tolist()


def test_the_hottest_temperature_draws_evenly_and_never_what_is_ruled_out() -> None:
    scores = torch.tensor([[5.0, -torch.inf, -5.0]])
    drawn = [draw(scores, Filters(1e308), [number]).item() for number in (0.1, 0.49, 0.51, 0.9, ALMOST_ONE)]
    assert drawn == [0, 0, 2, 2, 2]
