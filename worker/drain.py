"""Drain: how a worker that was told to stop brings its shards to an end."""

import logging
import os
import threading
import time
from collections.abc import Callable

from jobs.dispatch import Dispatcher
from jobs.papers import read_manifest
from jobs.queues import FINISH
from jobs.stores import ObjectStore
from worker.leases import Leases

log = logging.getLogger(__name__)

_GRACE_S = 3.0
_GIVE_BACK_LIMIT_S = 1.0


class DrainOver(Exception):
    """A shard ran when the drain's time was up; what it has finished is in its checkpoint."""


class Drain:
    """From the first signal to stop no shard is begun; at the second, or after `timeout_s`, none goes on.

    What follows a drain takes up to 4 s more.
    """

    def __init__(
        self,
        store: ObjectStore,
        leases: Leases,
        dispatcher: Dispatcher,
        timeout_s: float,
        grace_s: float = _GRACE_S,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        """`end` ends the process, with its exit code, if it outlasts the drain by `grace_s`."""
        self._store = store
        self._leases = leases
        self._dispatcher = dispatcher
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._end = end
        self._num_signals = 0
        # An event for each signal: a handler may interrupt another one, and an event isn't set twice at once.
        self._begun = threading.Event()
        self._hurried = threading.Event()
        self.over = threading.Event()
        """What still runs must be given back now."""

    @property
    def has_begun(self) -> bool:
        return self._begun.is_set()

    def start(self) -> None:
        """Wait for signals, in a thread."""
        threading.Thread(target=self._wait, name="drain", daemon=True).start()

    def on_signal(self) -> None:
        """Called by signal handlers, the first time to begin, the second to hurry."""
        self._num_signals += 1
        if self._num_signals == 1:
            self._begun.set()
        elif self._num_signals == 2:
            self._hurried.set()

    def give_back(self, job_id: str, unit: str) -> None:
        """Free a unit of ours, and send it to another worker at once."""
        self._leases.release(job_id, unit)
        # After the release: whoever gets the message must find the lease free.
        self.send_again(job_id, unit)

    def send_again(self, job_id: str, unit: str) -> None:
        try:
            manifest = read_manifest(self._store, job_id)
            if unit == FINISH:
                self._dispatcher.send_finish(manifest)
            else:
                self._dispatcher.send_shard(manifest, int(unit))
            log.info("action=give_back job=%s unit=%s", job_id, unit)
        except Exception as error:  # Redis, Celery or the store, and the reconciler sends it all the same
            log.warning(
                "action=give_back job=%s unit=%s error=%s: %s", job_id, unit, type(error).__name__, error
            )

    def _wait(self) -> None:
        self._begun.wait()
        self._hurried.wait(self._timeout_s)
        self.over.set()
        time.sleep(self._grace_s)
        # A thread in a parser, or in a call to a server that is away, can't be stopped in any other way.
        log.warning("action=end_drain held=%s", self._leases.num_held)
        giver = threading.Thread(target=self._give_back_all, daemon=True)
        giver.start()
        giver.join(_GIVE_BACK_LIMIT_S)
        self._end(0)

    def _give_back_all(self) -> None:
        for unit in self._leases.held:
            self.give_back(*unit)
