"""Something that a worker does every few seconds, for as long as it lives."""

import logging
import threading
from collections.abc import Callable

import redis

from jobs.stores import StoreError

log = logging.getLogger(__name__)


class Periodic:
    """Calls `act` at once and then every `interval_s`, from a thread of its own, whatever it raises.

    `at_close` is called when the last of them is over.
    """

    def __init__(
        self,
        name: str,
        interval_s: float,
        act: Callable[[], None],
        at_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._interval_s = interval_s
        self._act = act
        self._at_close = at_close
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._act_for_life, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End it, and wait for the call that is under way; if there is one."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._try(self._at_close)

    def _act_for_life(self) -> None:
        while True:
            self._try(self._act)
            if self._closed.wait(self._interval_s):
                return

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (redis.RedisError, StoreError) as error:
            log.warning("action=%s error=%s", self._name, error)  # it is away; the next call may find it
        except Exception:
            log.exception("action=%s", self._name)
