"""Calibration error and coverage against numbers worked by hand, and what must hold of any."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.evaluation.calibration import Coverage, calibration, coverage_at_precision

ROWS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


def _apart(rows: list[tuple[float, bool]]) -> tuple[list[float], list[bool]]:
    return [row[0] for row in rows], [row[1] for row in rows]


def test_the_error_is_the_bins_gaps_weighted_by_their_rows() -> None:
    # (0.9, 1]: sure of 0.95, right in 1 of 2: a gap of 0.45. (0.2, 0.3]: sure of 0.3, right: a gap of 0.7.
    # (0.5, 0.6]: sure of 0.6, wrong: a gap of 0.6.
    found = calibration([0.92, 0.98, 0.3, 0.6], [True, False, True, False])
    assert found.error == pytest.approx((2 * 0.45 + 0.7 + 0.6) / 4)
    assert [(each.rows, each.accuracy) for each in found.bins if each.rows] == [(1, 1.0), (1, 0.0), (2, 0.5)]
    assert [each.high for each in found.bins if each.rows] == pytest.approx([0.3, 0.6, 1.0])


@pytest.mark.parametrize("number", range(11))
def test_a_confidence_on_an_edge_belongs_to_the_bin_below_and_none_is_lost(number: int) -> None:
    found = calibration([number / 10], [True])
    assert [each.rows for each in found.bins].index(1) == max(number - 1, 0)


@given(ROWS)
@settings(max_examples=80, deadline=None)
def test_the_error_is_a_share_and_the_bins_hold_every_row(rows: list[tuple[float, bool]]) -> None:
    found = calibration(*_apart(rows))
    assert 0 <= found.error <= 1
    assert sum(each.rows for each in found.bins) == found.rows == len(rows)


@given(st.lists(st.booleans(), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_who_is_surely_right_and_surely_wrong_when_they_say_so_has_no_error(right: list[bool]) -> None:
    assert calibration([float(each) for each in right], right).error == 0
    assert calibration([1.0 - each for each in right], right).error == 1


def test_coverage_is_the_most_that_keeps_the_precision() -> None:
    confidence = [0.9, 0.8, 0.7, 0.6, 0.5]
    is_right = [True, False, True, True, False]
    # Right among the 1, 2, ... surest: 1/1, 1/2, 2/3, 3/4, 3/5. Two rows more got no answer.
    assert coverage_at_precision(confidence, is_right, 0.75, 7) == Coverage(0.75, 0.6, 4, 4 / 7, 0.75)
    assert coverage_at_precision(confidence, is_right, 0.76, 7) == Coverage(0.76, 0.9, 1, 1 / 7, 1.0)
    assert coverage_at_precision(confidence, is_right, 0.6, 5) == Coverage(0.6, 0.5, 5, 1.0, 0.6)


def test_rows_of_one_confidence_pass_a_threshold_together_or_not_at_all() -> None:
    assert coverage_at_precision([0.9, 0.9], [True, False], 0.9, 2) == Coverage(0.9, None, 0, 0.0, None)
    assert coverage_at_precision([], [], 0.9, 3) == Coverage(0.9, None, 0, 0.0, None)


@given(ROWS, st.floats(0.01, 1))
@settings(max_examples=80, deadline=None)
def test_a_threshold_keeps_what_it_promises_and_none_below_would(
    rows: list[tuple[float, bool]], precision: float
) -> None:
    found = coverage_at_precision(*_apart(rows), precision, len(rows))

    def share_right(threshold: float) -> float:
        passing = [right for sure, right in rows if sure >= threshold]
        return sum(passing) / len(passing)

    if found.threshold is not None:
        assert share_right(found.threshold) == found.reached
        assert share_right(found.threshold) >= precision
        assert found.answers == sum(sure >= found.threshold for sure, _ in rows)
    below = [sure for sure, _ in rows if found.threshold is None or sure < found.threshold]
    assert all(share_right(sure) < precision for sure in below)
