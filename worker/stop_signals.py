"""SIGTERM, SIGINT and SIGQUIT drain the worker; Celery stops its consumer and waits for its threads.

Before that, while it starts, they end it: there is nothing to drain.
"""

import signal
from types import FrameType
from typing import Any

from celery import Celery, bootsteps, signals

from worker.drain import Drain

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def end_on_signals() -> None:
    """Raise SystemExit with code 0 in the main thread at the first of them; later, Celery's handlers hold."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)  # another one must not interrupt the end
        raise SystemExit(0)

    for number in STOPPING:
        signal.signal(number, end)


def drain_on_signals(app: Celery, drain: Drain) -> None:
    """To be called before the application's worker is started."""

    def tell(**_: Any) -> None:
        drain.on_signal()

    signals.worker_shutting_down.connect(tell, weak=False)
    app.steps["worker"].add(_OneWayToStop)


class _OneWayToStop(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Celery's cold shutdown, at a second Ctrl-C, tells threads nothing and waits for them all the same."""

    def start(self, parent: Any) -> None:
        # Steps are started after Celery has put its handlers in place.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.getsignal(signal.SIGTERM))
