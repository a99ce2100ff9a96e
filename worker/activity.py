"""Whether a running unit gets on with its work: a decision on times, apart from leases."""

from dataclasses import dataclass


@dataclass(slots=True)
class Activity:
    """When a unit last did anything, and for how many answers of the engine it waits."""

    last_s: float
    num_asked: int = 0


def is_stalled(activity: Activity, now_s: float, limit_s: float) -> bool:
    """Whether a unit has done nothing of any kind for `limit_s`.

    What waits for the engine may wait long for its turn, and for a long answer. It gets on as long as the
    engine does, and one that doesn't is killed by its own watchdog (`worker.stall`), which is an answer.
    """
    return not activity.num_asked and now_s - activity.last_s > limit_s
