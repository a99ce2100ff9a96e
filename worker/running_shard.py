"""What the rows of a shard need while they run; whatever they do is progress of its lease."""

from dataclasses import dataclass, replace

from jobs.manifest import Manifest, Row
from jobs.outcome import Outcome
from worker.job_prior import JobPriors
from worker.kinds import Kind, make_kind
from worker.leases import Leases, Unit
from worker.model import Model, Submits
from worker.row_text import RowTexts
from worker.shard_memory import ShardMemory
from worker.tracked_engine import TrackedEngine


@dataclass(frozen=True, slots=True)
class RunningShard:
    """One shard in this worker's hands, and what is finished of it."""

    manifest: Manifest
    shard_no: int
    memory: ShardMemory
    leases: Leases
    model: Model
    texts: RowTexts
    priors: JobPriors

    @property
    def unit(self) -> Unit:
        return self.manifest.job_id, str(self.shard_no)

    def kind_on(self, engine: Submits) -> Kind:
        """The job's kind, asking this engine."""
        spec = self.manifest.spec
        tracked = TrackedEngine(engine, self.leases, self.unit)
        return make_kind(
            spec, replace(self.model, engine=tracked), self.memory, self.priors.of(self.manifest.job_id)
        )

    def read_text(self, row: Row) -> str:
        self.leases.progressed(*self.unit)
        return self.texts.read(self.manifest.job_id, row)

    def note(self, outcome: Outcome) -> None:
        self.memory.keep_outcome(outcome)
        self.leases.progressed(*self.unit)
