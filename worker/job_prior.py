"""The prior of a job's labels: learned by the first worker that needs it, then frozen in the store."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from jobs.calibration import Prior, freeze_prior, read_prior, read_sample
from jobs.outcome import Usage
from jobs.shards import CorruptObjectError
from jobs.stores import ObjectStore
from worker.engine_process import EngineDied, EngineLostDevice
from worker.likeness import Likeness

log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Likeness | None]]
"""At the job's examples."""

Learn = Callable[[Sequence[str]], Awaitable[Prior]]
"""From texts of the job's rows to its prior; without any, from what needs no rows."""

_DEATHS = 2  # of the engine while it reads a sample, before the sample is left alone
_LOOK_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class Judged:
    """What speaks for each label of a text, and what it cost to know."""

    logits: Sequence[float]
    usage: Usage


class JobPriors:
    """One per worker; shards of a job that run side by side wait for the first of them to learn."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._in_use: WeakValueDictionary[str, JobPrior] = WeakValueDictionary()
        self._deaths: Counter[str] = Counter()

    def of(self, job_id: str) -> "JobPrior":
        with self._lock:
            if (known := self._in_use.get(job_id)) is None:
                known = self._in_use[job_id] = JobPrior(self._store, job_id, self._deaths)
            return known


class JobPrior:
    """One job's, for as long as some shard of it runs here.

    `judged` is what was found of texts that were learned from, so that their rows needn't ask again.
    """

    def __init__(self, store: ObjectStore, job_id: str, deaths: Counter[str] | None = None) -> None:
        self._store = store
        self._job_id = job_id
        self._deaths = Counter[str]() if deaths is None else deaths
        self._busy = threading.Lock()
        self._prior: Prior | None = None
        self._has_looked = False
        self.likeness: Likeness | None = None
        self.judged: dict[str, Judged] = {}

    async def get(self, look: Look, learn: Learn, num_labels: int) -> Prior:
        """The job's prior, the same for all its workers and rows, after any retry; learned again if damaged.

        Raises:
            EngineError: the engine broke while it learned.
            StoreError: the store is away.
        """
        async with self._alone():
            if not self._has_looked:
                self.likeness = await look()
                self._has_looked = True
            self._prior = self._prior or await asyncio.to_thread(self._read, num_labels)
            if self._prior is None:
                mine = await self._learned(learn)
                self._prior = await asyncio.to_thread(freeze_prior, self._store, self._job_id, mine)
                log.info(
                    "action=calibrate job=%s source=%s texts=%s adopted=%s",
                    self._job_id, self._prior.source, self._prior.texts, self._prior != mine,
                )  # fmt: skip
            return self._prior

    async def _learned(self, learn: Learn) -> Prior:
        # A row that kills the engine may be in the sample. It must not keep all shards from their start.
        if self._deaths[self._job_id] >= _DEATHS:
            return await learn(())
        try:
            return await learn(await asyncio.to_thread(self._sample))
        except EngineLostDevice:
            raise
        except EngineDied:
            self._deaths[self._job_id] += 1
            raise

    def _read(self, num_labels: int) -> Prior | None:
        try:
            return read_prior(self._store, self._job_id, num_labels)
        except CorruptObjectError as error:
            log.warning("action=learn-again job=%s reason=%s", self._job_id, error)
            return None

    def _sample(self) -> Sequence[str]:
        try:
            return read_sample(self._store, self._job_id)
        except CorruptObjectError as error:
            log.warning("action=learn-without-sample job=%s reason=%s", self._job_id, error)
            return ()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Shards run in threads with loops of their own, so they share a thread's lock, and look at it."""
        while not self._busy.acquire(blocking=False):
            await asyncio.sleep(_LOOK_INTERVAL_S)
        try:
            yield
        finally:
            self._busy.release()
