"""How long a worker waits for its next engine, whatever became of the ones before."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine_life import (
    FIRST_PAUSE_S,
    MAX_PAUSE_S,
    STEADY_S,
    EngineEnd,
    EngineLife,
    end_reason,
)

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
KILLED = EngineEnd("signal 9", NOW)
EVENTS = st.lists(st.sampled_from(["died", "lost", "lost late", "failed", "restarted"]), max_size=40)


def _after(life: EngineLife, event: str, now_s: float) -> EngineLife:
    match event:
        case "died":
            return life.died(KILLED)
        case "lost":
            return life.lost_device("CUDA error: misaligned address", NOW, life.started_at_s)
        case "lost late":
            return life.lost_device("CUDA error: misaligned address", NOW, life.started_at_s + STEADY_S)
        case "failed":
            return life.start_failed("no such weights")
        case _:
            return life.restarted(now_s)


@given(EVENTS)
def test_a_pause_is_never_shorter_than_the_first_nor_longer_than_the_longest(events: list[str]) -> None:
    life = EngineLife()
    for number, event in enumerate(events):
        life = _after(life, event, float(number))
        assert FIRST_PAUSE_S <= life.pause_s <= MAX_PAUSE_S
    assert life.num_restarts == events.count("restarted")


@given(EVENTS)
def test_there_is_an_outage_exactly_from_a_lost_device_or_a_failed_start_to_the_next_engine(
    events: list[str],
) -> None:
    life = EngineLife()
    is_out = False
    for event in events:
        life = _after(life, event, 0.0)
        is_out = {"died": is_out, "restarted": False}.get(event, True)
        assert (life.outage is not None) == is_out


@pytest.mark.parametrize("event", ["lost", "failed"])
def test_pauses_double_while_it_goes_on_failing(event: str) -> None:
    life = EngineLife()
    pauses = [(life := _after(life, event, 0.0)).pause_s for _ in range(12)]
    assert pauses[:3] == [2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S, 8 * FIRST_PAUSE_S]
    assert pauses[-1] == MAX_PAUSE_S


def test_a_device_that_is_lost_soon_after_each_start_is_given_ever_longer_pauses() -> None:
    life = EngineLife()
    for _ in range(6):
        life = life.lost_device("unspecified launch failure", NOW, now_s=5.0).restarted(now_s=5.0)
    assert life.lost_device("unspecified launch failure", NOW, now_s=6.0).pause_s > 10
    late = life.lost_device("unspecified launch failure", NOW, now_s=5.0 + STEADY_S)
    assert late.pause_s == 2 * FIRST_PAUSE_S, "it was sound in between"


def test_an_engine_that_rows_may_have_killed_is_replaced_at_once() -> None:
    life = EngineLife()
    for _ in range(20):
        life = life.died(KILLED).restarted(0.0)
    assert life.died(KILLED).pause_s == FIRST_PAUSE_S


@pytest.mark.parametrize(
    ("exit_code", "was_stuck", "reason"),
    [
        (-9, False, "signal 9"),
        (-9, True, "stuck"),
        (1, False, "exit code 1"),
        (None, False, "no end"),
    ],
)
def test_an_end_has_a_word_or_two(exit_code: int | None, was_stuck: bool, reason: str) -> None:
    assert end_reason(exit_code, was_stuck=was_stuck) == reason
