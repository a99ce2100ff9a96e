"""What the rows of a shard need while they run; whatever they do is progress of its lease."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from jobs.manifest import Manifest, Row
from jobs.outcome import Outcome
from worker.heads import Heads
from worker.job_prior import JobPriors
from worker.kinds import Kind, make_kind
from worker.leases import Leases, Unit
from worker.model import Model, Submits
from worker.row_text import RowTexts
from worker.shard_memory import ShardMemory
from worker.tracked_engine import TrackedEngine


class NobodyAskedError(Exception):
    """What a row waits for was cancelled, though nobody had asked for that."""


@dataclass(frozen=True, slots=True)
class RunningShard:
    """One shard in this worker's hands, and what is finished of it."""

    manifest: Manifest
    shard_no: int
    memory: ShardMemory
    leases: Leases
    model: Model
    texts: RowTexts
    heads: Heads
    priors: JobPriors
    _unwanted: threading.Event = field(default_factory=threading.Event)

    @property
    def unit(self) -> Unit:
        return self.manifest.job_id, str(self.shard_no)

    def kind_on(self, engine: Submits) -> Kind:
        """The job's kind, asking this engine; raises as `Heads.of` does."""
        manifest = self.manifest
        model = replace(self.model, engine=TrackedEngine(engine, self.leases, self.unit))
        job_prior, head = self.priors.of(manifest.job_id), self.heads.of(manifest)
        return make_kind(manifest.spec, model, self.memory, job_prior, head)

    def run(self, rows: Coroutine[Any, Any, list[Outcome]]) -> list[Outcome]:
        """The outcomes of its rows; what is being read when they are there, or are not to be, is dropped.

        A loop's end waits for its threads, and without this for documents that take a minute to parse.

        Raises:
            NobodyAskedError: something was cancelled that shouldn't have been; the shard is tried again.
        """

        async def run_then_drop() -> list[Outcome]:
            try:
                return await rows
            finally:
                self.texts.drop(self._unwanted)

        try:
            return asyncio.run(run_then_drop())
        except asyncio.CancelledError as error:
            # Nobody cancels a shard, and rows that are cancelled for its sake don't raise. As a BaseException
            # it would get past those who count and log errors.
            raise NobodyAskedError("a request was cancelled that the shard still waited for") from error

    def read_text(self, row: Row) -> str:
        self.leases.progressed(*self.unit)
        return self.texts.read(self.manifest.job_id, row, self._unwanted)

    def note(self, outcome: Outcome) -> None:
        self.memory.keep_outcome(outcome)
        self.leases.progressed(*self.unit)
