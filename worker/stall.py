"""When an engine that still lives counts as stuck: a decision on times and counts alone."""

from dataclasses import dataclass

LIMIT_S = 300.0
"""Without a step and without a result, while there are requests in it: no single step takes as long."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What an engine has done, as its worker knows it: which engine, its steps, its results."""

    num_starts: int = 0
    num_steps: int = 0
    num_results: int = 0


@dataclass(frozen=True, slots=True)
class Quiet:
    """For how long an engine has had requests and shown no sign of work on them."""

    seen: Signs
    at_s: float
    for_s: float = 0.0

    def look(self, now: Signs, at_s: float, *, is_busy: bool, max_gap_s: float) -> "Quiet":
        """The state after another look at the engine.

        No look counts for more than `max_gap_s`: a worker that was stopped itself has heard nothing
        meanwhile, and what its engine did lies unread in the pipe.
        """
        if not is_busy or now != self.seen:
            return Quiet(now, at_s)
        return Quiet(now, at_s, self.for_s + min(at_s - self.at_s, max_gap_s))
