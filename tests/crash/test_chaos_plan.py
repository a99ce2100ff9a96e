"""A run's plan and orders: the same for the same seed, and in twenty minutes everything is struck."""

from collections import Counter

import pytest

from tests.crash.chaos.orders import draw_order
from tests.crash.chaos.plan import LEASE_LIFE_S, SHARES, Fault, draw_plan

TWENTY_MINUTES_S = 1200.0


@pytest.mark.parametrize("seed", range(20))
def test_twenty_minutes_hold_every_fault_and_many_more_than_twenty_kills(seed: int) -> None:
    plan = draw_plan(seed, TWENTY_MINUTES_S, num_workers=3)
    assert {event.fault for event in plan} == set(Fault)
    assert sum(event.fault.is_kill for event in plan) >= 60


@pytest.mark.parametrize("seed", range(20))
def test_faults_come_in_their_shares_and_on_all_workers(seed: int) -> None:
    plan = draw_plan(seed, TWENTY_MINUTES_S, num_workers=3)
    one_deck = Counter(event.fault for event in plan[: sum(SHARES.values())])
    assert one_deck == SHARES
    assert {event.worker for event in plan} == {0, 1, 2}


@pytest.mark.parametrize("duration_s", [6.0, 18.0, TWENTY_MINUTES_S])
def test_all_is_over_at_the_end_and_what_lasts_outlasts_a_lease(duration_s: float) -> None:
    for seed in range(20):
        plan = draw_plan(seed, duration_s, num_workers=2)
        assert all(event.at_s >= 0 and event.ends_s < duration_s for event in plan)
        assert all(event.lasts_s > LEASE_LIFE_S for event in plan if event.lasts_s)


def test_only_the_seed_decides() -> None:
    assert draw_plan(7, 300, 3) == draw_plan(7, 300, 3) != draw_plan(8, 300, 3)
    assert draw_order(7, 4) == draw_order(7, 4) != draw_order(8, 4)


def test_the_first_jobs_have_every_kind_priority_and_format_and_rows_that_fail() -> None:
    orders = [draw_order(1, number) for number in range(40)]
    assert {order.kind for order in orders} == {"generate", "classify", "summarize", "embed"}
    assert len({order.priority for order in orders}) == len({order.result_format for order in orders}) == 3
    bodies = [row.body for order in orders for row in order.rows]
    assert 0 < bodies.count("") < len(bodies) / 20
    assert len(set(filter(None, bodies))) == len(list(filter(None, bodies)))
