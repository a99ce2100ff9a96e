"""Strike by plan: each event in a thread of its own, for one need not wait for another's end."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.crash.chaos.faults import Skipped, strike
from tests.crash.chaos.plan import Event, Fault
from tests.crash.chaos.site import Site


class Schedule:
    """What has happened of a plan so far."""

    def __init__(self, site: Site, plan: Sequence[Event], tell: Callable[[Event, str], None]) -> None:
        """`tell` hears of each event when it is over, and whom it hit, from any thread."""
        self.struck: Counter[Fault] = Counter()
        self.num_skipped = 0
        self.errors: list[BaseException] = []
        """Of the rig's own: what should have been done could not be."""
        self._site = site
        self._plan = plan
        self._tell = tell

    def run(self) -> None:
        """Until the last event is over, or the site is."""
        began_s = time.monotonic()
        threads = []
        for event in self._plan:
            if self._site.over.wait(max(0.0, event.at_s - (time.monotonic() - began_s))):
                break
            threads.append(threading.Thread(target=self._strike, args=(event,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _strike(self, event: Event) -> None:
        try:
            whom = strike(self._site, event)
        except Skipped:
            self.num_skipped += 1
            self._tell(event, "nobody: no worker was in a state for it")
        except Exception as error:
            self.errors.append(error)
        else:
            self.struck[event.fault] += 1
            self._tell(event, whom)
