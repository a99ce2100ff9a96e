"""A job's state as people are shown it: what they want to know of an end is whether somebody made it."""

from jobs.manifest import JobState
from jobs.outcome import Counts

_STYLES = {
    "waiting": "blue",
    "running": "cyan",
    "succeeded": "green",
    "partial": "yellow",
    "cancelled": "yellow",
    "expired": "yellow",
    "failed": "red",
}


def shown_end(state: JobState, counts: Counts) -> str:
    """`cancelled` or `expired` where that ended a partial job's last rows; the marker stays `_PARTIAL`."""
    if state is not JobState.PARTIAL or not counts.cancelled + counts.expired:
        return state.value
    # A cancellation is heard first, also where the deadline has passed.
    return "cancelled" if counts.cancelled else "expired"


def style_of(shown: str) -> str:
    return _STYLES[shown]
