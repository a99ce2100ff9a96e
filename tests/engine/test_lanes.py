"""Lanes run side by side and end together."""

import threading
import time

import pytest

from engine.lanes import MIN_ROWS, Lanes, LayerProgress


def test_results_come_in_the_order_of_the_parts_and_lanes_run_at_once() -> None:
    together = threading.Barrier(3, timeout=10)

    def double(part: int) -> int:
        together.wait()
        return 2 * part

    assert Lanes(3).run(double, [1, 2, 3]) == [2, 4, 6]


def test_an_error_is_raised_once_all_lanes_have_ended() -> None:
    ended = []

    def run(part: int) -> None:
        if part == 0:
            raise ValueError("lane 0")
        time.sleep(0.05)
        ended.append(part)

    with pytest.raises(ValueError, match="lane 0"):
        Lanes(2).run(run, [0, 1])
    assert ended == [1]


@pytest.mark.parametrize(("rows", "lanes"), [(1, 1), (2 * MIN_ROWS - 1, 1), (2 * MIN_ROWS, 2), (10_000, 4)])
def test_a_step_gets_as_many_lanes_as_it_has_rows_for(rows: int, lanes: int) -> None:
    assert Lanes(4).count(rows) == lanes


def test_a_lane_goes_on_when_the_layer_that_it_reads_is_written_or_its_lane_has_ended() -> None:
    progress = LayerProgress(2)
    reached = threading.Event()

    def read() -> None:
        progress.wait([0], layer=3)
        reached.set()
        progress.wait([0], layer=30)

    reader = threading.Thread(target=read)
    reader.start()
    progress.wrote(0, layer=2)
    assert not reached.wait(0.05)
    progress.wrote(0, layer=3)
    assert reached.wait(10)
    progress.ended(0)
    reader.join(10)
    assert not reader.is_alive()
