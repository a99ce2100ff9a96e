"""`bash ops/bench scheduler`, made small."""

from ops.benchmark.scheduler_time import measure


def test_as_many_sequences_run_and_wait_in_every_measured_step_as_is_told() -> None:
    times = measure(running=8, waiting=500, steps=20)
    assert times.steps == 20
    assert times.least_running == 8
    assert times.least_waiting >= 500
    assert 0 < times.median_ms <= times.max_ms
