"""SIGTERM, SIGINT and SIGQUIT drain the worker; Celery stops its consumer and waits for its threads."""

import signal
from typing import Any

from celery import Celery, bootsteps, signals

from worker.drain import Drain


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
