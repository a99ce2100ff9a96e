"""Submit one job after the other, so that a few are open at any time."""

import subprocess
import threading

from jobs.layout import OPEN_PREFIX
from tests.crash.chaos.orders import JobOrder, draw_order
from tests.crash.chaos.site import Site
from tests.integration.commands import bydawn

MAX_OPEN_JOBS = 5
_PAUSE_S = 0.5
BROKE = ("Traceback (most recent call last)", "BYDAWN_TRACEBACK=1")
"""What the command says where nobody has foreseen what happens."""


class Submitter:
    """Through the command, which is given again until it succeeds: with its key, that is the same job."""

    def __init__(self, site: Site, seed: int) -> None:
        self.jobs: dict[str, JobOrder] = {}
        self.num_refused = 0
        self.complaints: list[str] = []
        self._site = site
        self._seed = seed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="submitter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Submit no more, once the job in hand is submitted."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._submit_for_life()
        except Exception as error:
            self.complaints.append(f"the submitter gave up: {error!r}")

    def _submit_for_life(self) -> None:
        number = 0
        while not self._stopping.wait(_PAUSE_S):
            if len(list(self._site.store.list(OPEN_PREFIX))) < MAX_OPEN_JOBS:
                self._submit(draw_order(self._seed, number))
                number += 1

    def _submit(self, order: JobOrder) -> None:
        file = self._site.folder / f"input-{order.number}.{order.suffix}"
        file.write_text(order.encoded())
        key = ("--idempotency-key", f"chaos-{order.number}")
        while not self._site.over.is_set():
            if (job_id := self._try("submit", order.kind, str(file), *order.arguments, *key)) is not None:
                self.jobs[job_id] = order
                return
            self.num_refused += 1
            self._site.over.wait(_PAUSE_S)

    def _try(self, *arguments: str) -> str | None:
        """The job's id, None where Redis or the store was away."""
        try:
            done = bydawn(*arguments, env=self._site.submitter_env)
        except subprocess.TimeoutExpired as error:
            self.complaints.append(str(error))
            return None
        if any(words in done.stderr for words in BROKE):
            self.complaints.append(f"{arguments[:2]}: {done.stderr[-3000:]}")
        return done.stdout.strip() if done.returncode == 0 else None
