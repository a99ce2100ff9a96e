"""Which silence of a unit is a stall."""

import pytest

from worker.activity import Activity, is_stalled


@pytest.mark.parametrize(
    ("num_asked", "silent_s", "stalled"),
    [(0, 0, False), (0, 600, False), (0, 601, True), (1, 601, False), (3, 9999, False)],
)
def test_a_unit_stalls_when_it_does_nothing_and_waits_for_no_answer_either(
    num_asked: int, silent_s: float, stalled: bool
) -> None:
    activity = Activity(last_s=1000.0, num_asked=num_asked)
    assert is_stalled(activity, now_s=1000.0 + silent_s, limit_s=600) is stalled
