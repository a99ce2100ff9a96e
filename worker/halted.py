"""What becomes of rows that aren't done when their shard must not go on."""

from jobs.control import Halt
from jobs.outcome import Outcome


class GivenBack(Exception):
    """The shard is left for later, to whoever takes it then."""


def halted_outcome(row_id: str, halt: Halt) -> Outcome:
    """How such a row ends; raises GivenBack if it doesn't end."""
    if halt.status is None:
        raise GivenBack(halt.reason)
    return Outcome.stopped(row_id, halt.status, halt.reason)
