"""What became of a worker's engines, and how long to wait before the next: from counts and times alone."""

from dataclasses import dataclass, replace
from datetime import datetime

FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 60.0
STEADY_S = 600.0
"""An engine that has run for so long had a sound device: what happens later has another cause."""

DEVICE_LOST = "device_lost"


@dataclass(frozen=True, slots=True)
class EngineEnd:
    """How an engine ended that nobody had told to: in a word or two, and when."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EngineLife:
    """All that is told of them; each event gives the next value. Times are of a monotonic clock.

    An engine that dies is replaced at once, for rows may have killed it. Where a device is lost, or none
    starts, there is an outage, and the pauses double up to a minute.
    """

    num_restarts: int = 0
    last_end: EngineEnd | None = None
    outage: str | None = None
    """Why there is no engine now, and for how long nobody knows."""
    num_failures: int = 0
    """In a row: devices that were lost soon after a start, and starts that failed."""
    started_at_s: float = 0.0

    @property
    def pause_s(self) -> float:
        """Before another engine is started."""
        return float(min(FIRST_PAUSE_S * 2 ** min(self.num_failures, 16), MAX_PAUSE_S))

    def died(self, end: EngineEnd) -> "EngineLife":
        """The engine's process is gone; its device may be sound."""
        return replace(self, last_end=end, num_failures=0)

    def lost_device(self, detail: str, at: datetime, now_s: float) -> "EngineLife":
        """The engine's process has ended because its device failed."""
        was_steady = now_s - self.started_at_s >= STEADY_S
        return replace(
            self,
            last_end=EngineEnd(DEVICE_LOST, at),
            outage=f"the engine's device was lost: {detail}",
            num_failures=1 if was_steady else self.num_failures + 1,
        )

    def start_failed(self, why: str) -> "EngineLife":
        """No other engine could be started."""
        outage = f"the engine died and no other one starts: {why}"
        return replace(self, outage=outage, num_failures=self.num_failures + 1)

    def restarted(self, now_s: float) -> "EngineLife":
        """Another engine is ready."""
        return replace(self, num_restarts=self.num_restarts + 1, outage=None, started_at_s=now_s)


def end_reason(exit_code: int | None, *, was_stuck: bool) -> str:
    """In a word or two, of an exit code as `multiprocessing` tells it: a signal's number is below 0."""
    if was_stuck:
        return "stuck"
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code}"
    return "no end" if exit_code is None else f"exit code {exit_code}"
