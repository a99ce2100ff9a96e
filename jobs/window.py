"""How many shards of a job are sent ahead: enough for the workers that there are, and no more.

What waits of one job keeps the next one waiting, so it should be little; a worker that finds nothing
waiting stands idle, so it must not be too little. Both go by how many shards the workers run at once.
"""

import time
from collections.abc import Callable

from jobs.ledger import Ledger

SHARDS_PER_SLOT = 2
"""One that runs, and one that waits for its end: each settled shard is followed by another one at once."""

MIN_SHARDS = 8
"""For workers that have yet to start, or to tell a Redis that was wiped of themselves."""

_COUNT_LIFE_S = 2.0


class Window:
    """Asks the ledger for the live workers, at most every two seconds a model; threads may share it."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._counted: dict[str, tuple[float, int]] = {}

    def shards(self, alias: str) -> int:
        """Of one job, sent and not settled."""
        return max(MIN_SHARDS, SHARDS_PER_SLOT * self._slots(alias))

    def _slots(self, alias: str) -> int:
        now_s = self._clock()
        counted_s, slots = self._counted.get(alias, (None, 0))
        if counted_s is None or now_s - counted_s > _COUNT_LIFE_S:
            slots = self._ledger.slots(alias)
            self._counted[alias] = now_s, slots
        return slots
