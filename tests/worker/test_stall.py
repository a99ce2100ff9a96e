"""Whether an engine is stuck, by what has been seen of it."""

from worker.stall import Quiet, Signs

GAP_S = 2.0


def _look(quiet: Quiet, *looks: tuple[float, Signs, bool]) -> float:
    for at_s, signs, is_busy in looks:
        quiet = quiet.look(signs, at_s, is_busy=is_busy, max_gap_s=GAP_S)
    return quiet.for_s


def test_the_quiet_of_a_busy_engine_adds_up() -> None:
    assert _look(Quiet(Signs(), 0.0), (1.0, Signs(), True), (2.5, Signs(), True), (4.0, Signs(), True)) == 4.0


def test_a_step_a_result_and_another_engine_each_end_it() -> None:
    for sign in (Signs(num_steps=1), Signs(num_results=1), Signs(num_starts=1)):
        assert _look(Quiet(Signs(), 0.0, for_s=100.0), (1.0, sign, True)) == 0.0
        assert _look(Quiet(Signs(), 0.0, for_s=100.0), (1.0, sign, True), (2.0, sign, True)) == 1.0


def test_an_engine_without_requests_may_be_as_quiet_as_it_likes() -> None:
    assert _look(Quiet(Signs(), 0.0), (1.0, Signs(), False), (2.0, Signs(), False)) == 0.0
    assert _look(Quiet(Signs(), 0.0), (100.0, Signs(), False), (101.0, Signs(), True)) == 1.0


def test_while_the_worker_itself_was_stopped_no_time_passes_for_its_engine() -> None:
    assert _look(Quiet(Signs(), 0.0), (5000.0, Signs(), True)) == GAP_S
