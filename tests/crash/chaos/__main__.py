"""`python -m tests.crash.chaos`, as ops/chaos calls it in the repository root."""

import signal

from tests.crash.chaos.cli import app

_STOPS = (signal.SIGINT, signal.SIGTERM)


def _stop(_number: int, _frame: object) -> None:
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)  # all that was started is ended now, whoever is in a hurry
    raise KeyboardInterrupt


for number in _STOPS:
    signal.signal(number, _stop)
app(prog_name="bash ops/chaos")
