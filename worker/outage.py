"""While a worker has no engine and none can be started, it leaves shards to others."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from worker.engine_life import EngineLife
from worker.engine_process import EngineUnavailable

_LOOK_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class Outage:
    """What the life of the worker's engine means for its shards."""

    life: Callable[[], EngineLife] = EngineLife
    wait_s: float = 30.0
    """For a message: longer than it takes until another worker is sent what was given back."""

    def refuse(self) -> None:
        """Raise EngineUnavailable in an outage: nothing is asked of an engine then."""
        if (why := self.life().outage) is not None:
            raise EngineUnavailable(why)

    def wait(self, is_unwanted: Callable[[], bool]) -> None:
        """Keep the thread from its next message until there is an engine, or for `wait_s`, or until it ends.

        Of what needs no engine the thread does one in this time: shards of jobs that were stopped, job ends.
        """
        until_s = time.monotonic() + self.wait_s
        while self.life().outage is not None and time.monotonic() < until_s and not is_unwanted():
            time.sleep(_LOOK_INTERVAL_S)
