"""The seam between a shard and what is done with its rows."""

from typing import Any, Protocol, assert_never

from jobs.heads import Head
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import ClassifySpec, EmbedSpec, GenerateSpec, Spec, SummarizeSpec
from worker.job_prior import JobPrior
from worker.model import Model
from worker.shard_memory import ShardMemory


class Kind(Protocol):
    """One kind of job, with its spec and a model."""

    async def prepare(self) -> None:
        """Ask what all rows need; called once, before the first row of a shard."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        """The row's result. `text` is the row's own or its document's, and is not blank.

        Raises:
            RowError: this row can't be done.
            EngineError: the engine broke; the whole shard is tried again.
        """


def make_kind(
    spec: Spec,
    model: Model,
    memory: ShardMemory | None = None,
    job_prior: JobPrior | None = None,
    head: Head | None = None,
) -> Kind:
    """`memory` is where what is finished of a row is kept; `job_prior` and `head` are the job's, if any."""
    from worker.kinds.classify import Classify
    from worker.kinds.embed import Embed
    from worker.kinds.fitted import Fitted
    from worker.kinds.generate import Generate
    from worker.kinds.own_labels import OwnLabels
    from worker.kinds.summarize import Summarize

    match spec:
        case ClassifySpec(head=ref) if ref is not None:
            assert head is not None, "whoever runs a job with a head has read it"
            return Fitted(spec, model, head)
        case ClassifySpec() if model.abilities.labels is not None:
            return OwnLabels(spec, model)
        case ClassifySpec():
            return Classify(spec, model, job_prior)
        case SummarizeSpec():
            return Summarize(spec, model, memory or ShardMemory())
        case GenerateSpec():
            return Generate(spec, model)
        case EmbedSpec():
            return Embed(spec, model)
        case _:
            assert_never(spec)
