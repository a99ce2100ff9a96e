"""What is told of work that takes its time."""

import io

import pytest
from rich.console import Console

from producer.progress import Doing, doing, pace_of_rows


def test_a_log_or_a_pipe_gets_one_plain_line_of_what_is_being_done() -> None:
    log = io.StringIO()
    with doing(Console(file=log, width=20), "loading /models/[bold]a name that is longer than the line"):
        assert log.getvalue() == "loading /models/[bold]a name that is longer than the line\n"
    assert log.getvalue().count("\n") == 1


def test_a_terminal_is_left_as_it_was() -> None:
    screen = io.StringIO()
    with doing(Console(file=screen, force_terminal=True, width=60), "loading it"):
        pass
    assert "loading it, 0 s" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K"), "the line is wiped"


@pytest.mark.parametrize(
    ("rows_per_s", "told"),
    [(12.34, "12.3 rows/s"), (0.1, "0.1 rows/s"), (0.04, "25 s/row"), (0.0005, "2,000 s/row"), (0.0, "")],
)
def test_a_pace_is_never_told_as_nothing(rows_per_s: float, told: str) -> None:
    assert pace_of_rows(rows_per_s) == told


def test_the_seconds_that_pass_are_told_anew_each_time() -> None:
    now_s = [100.0]
    being_done = Doing("loading it", lambda: now_s[0])
    now_s[0] = 141.6
    assert being_done.__rich__().plain == "loading it, 42 s"
