"""A job's state as people are shown it: also what it waits for."""

from jobs.manifest import JobState
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
    return "waiting" if job.state is JobState.RUNNING and is_idle else job.state.value


def style_of(shown: str) -> str:
    return _STYLES[shown]
