"""A place for one worker: whenever its process ends, another one is started there."""

import threading
from collections.abc import Mapping
from pathlib import Path

from tests.crash.bench import start_stub_worker
from tests.crash.chaos.life import Life

_RESTART_PAUSE_S = 0.3


class Place:
    """As a service manager keeps one."""

    def __init__(self, folder: Path, name: str, answer_s: float, env: Mapping[str, str]) -> None:
        self.name = name
        self.busy = threading.Lock()
        """Held by a fault that isn't over at once; kills don't ask."""
        self.complaints: list[str] = []
        self.num_starts = 0
        self._folder = folder
        self._answer_s = answer_s
        self._env = env
        self._closing = threading.Event()
        self.life = self._start()
        self._keeper = threading.Thread(target=self._keep, name=f"keeper of {name}", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Kill what runs here, for good."""
        self._closing.set()
        self.life.kill()
        self._keeper.join()
        self.life.kill()  # one that was started just then
        self.life.wait()

    def _keep(self) -> None:
        while not self._closing.is_set():
            code = self.life.wait()
            if not self._closing.is_set() and (complaint := self.life.complaint(code)) is not None:
                self.complaints.append(complaint)
            if not self._closing.wait(_RESTART_PAUSE_S):
                self.life = self._start()

    def _start(self) -> Life:
        log = self._folder / f"{self.name}.log"
        log.touch()
        log_begins_at = log.stat().st_size
        self.num_starts += 1
        worker = start_stub_worker(self._folder, self.name, self._answer_s, self._env)
        return Life(worker, log_begins_at)
