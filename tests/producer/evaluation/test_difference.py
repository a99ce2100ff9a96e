"""Differences of two systems, and their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.evaluation.difference import mean_difference, statistic_difference

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=15)


def test_the_difference_is_that_of_the_means_and_counts_the_rows_that_are_better() -> None:
    found = mean_difference([0.5, 0.75, 0.25, 1.0], [0.25, 0.75, 0.5, 0.0])
    assert (found.rows, found.ours, found.theirs, found.difference) == (4, 0.625, 0.375, 0.25)
    assert (found.higher, found.lower) == (2, 1)


def test_a_difference_that_every_row_has_is_clear_and_its_interval_is_a_point() -> None:
    found = mean_difference([0.75] * 11, [0.5] * 11)
    assert (found.low, found.difference, found.high, found.is_clear) == (0.25, 0.25, 0.25, True)


def test_a_difference_that_one_row_of_eleven_makes_is_not_clear() -> None:
    found = mean_difference([1.0] + [0.5] * 10, [0.5] * 11)
    assert (found.low, found.is_clear) == (0.0, False)
    # The row comes 0 to 3 times in 11 draws in 98 % of all cases.
    assert found.high == pytest.approx(3 * 0.5 / 11)


def test_the_interval_is_as_wide_as_the_normal_one_where_there_are_many_rows() -> None:
    values = np.random.default_rng(1).normal(0.1, 1.0, 4000)
    found = mean_difference(values.tolist(), [0.0] * 4000)
    half = 1.96 * values.std() / 4000**0.5
    assert found.low == pytest.approx(values.mean() - half, abs=half / 10)
    assert found.high == pytest.approx(values.mean() + half, abs=half / 10)


@given(PAIRS)
@settings(max_examples=25, deadline=None)
def test_who_is_compared_the_other_way_round_differs_by_the_sign_alone(
    pairs: list[tuple[float, float]],
) -> None:
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    one, other = mean_difference(ours, theirs), mean_difference(theirs, ours)
    assert one.difference == -other.difference
    assert one.low == pytest.approx(-other.high)
    assert (one.higher, one.lower) == (other.lower, other.higher)
    assert one.low <= one.high


def test_a_figure_of_all_rows_is_compared_on_the_same_draws() -> None:
    chance = np.random.default_rng(2)
    mine, other = chance.random(50), chance.random(50)
    found = statistic_difference(
        50, lambda rows: float(mine[rows].mean()), lambda rows: float(other[rows].mean())
    )
    by_rows = mean_difference(mine.tolist(), other.tolist())
    assert found.difference == pytest.approx(by_rows.difference)
    assert (found.low, found.high) == pytest.approx((by_rows.low, by_rows.high))
    assert (found.higher, found.lower) == (None, None)
