"""What is told of work that takes its time."""

import io

from rich.console import Console

from producer.progress import doing


def test_a_log_or_a_pipe_gets_one_plain_line_of_what_is_being_done() -> None:
    log = io.StringIO()
    with doing(Console(file=log, width=20), "loading /models/[bold]a name that is longer than the line"):
        assert log.getvalue() == "loading /models/[bold]a name that is longer than the line\n"
    assert log.getvalue().count("\n") == 1


def test_a_terminal_is_left_as_it_was() -> None:
    screen = io.StringIO()
    with doing(Console(file=screen, force_terminal=True, width=60), "loading it"):
        pass
    assert "loading it" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K"), "the line is wiped"
