"""A job's state as people are shown it: also what it waits for, and what ended it on its way."""

from jobs.manifest import JobState
from jobs.outcome import Counts
from producer.overview import JobOverview

_STYLES = {
    "waiting": "blue",
    "paused": "magenta",
    "running": "cyan",
    "succeeded": "green",
    "partial": "yellow",
    "cancelled": "yellow",
    "expired": "yellow",
    "failed": "red",
    "unreadable": "red",
    "newer": "magenta",
}


def shown_state(job: JobOverview) -> str:
    """An open job of which no row is done or being done is `waiting`."""
    if job.paused:
        return "paused"
    is_idle = job.running_shards == 0 and not job.settled_shards and not job.counts.rows
    return "waiting" if job.state is JobState.RUNNING and is_idle else shown_end(job.state, job.counts)


def shown_end(state: JobState, counts: Counts) -> str:
    """`cancelled` or `expired` where that ended a partial job's last rows; the marker stays `_PARTIAL`."""
    if state is not JobState.PARTIAL or not counts.cancelled + counts.expired:
        return state.value
    # A cancellation is heard first, also where the deadline has passed.
    return "cancelled" if counts.cancelled else "expired"


def style_of(shown: str) -> str:
    return _STYLES[shown]
