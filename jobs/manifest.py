"""The papers of a job: what was asked, what its shards hold, how it ended."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, computed_field

from jobs.names import Name
from jobs.outcome import Code, Counts, Fault
from jobs.spec import Kind, Spec

FORMAT: Literal[1] = 1
"""Of messages, manifests, shards and parts; a worker gives back what is of a higher one."""


class Priority(StrEnum):
    """In the order in which workers drain them."""

    URGENT = "urgent"
    STANDARD = "standard"
    BULK = "bulk"


class ResultFormat(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class _Paper(BaseModel):
    model_config = ConfigDict(frozen=True)


class DocumentRef(_Paper):
    """Where a row's document lies: a key of the job's store, or a source with its version."""

    name: str
    key: str | None = None
    uri: str | None = None
    version: str | None = None


class Row(_Paper):
    """A row of a shard: its text, or the document that holds it, or the reason why it has neither."""

    id: str
    text: str | None = None
    document: DocumentRef | None = None
    columns: dict[str, JsonValue] = Field(default_factory=dict)
    error: Code | None = None


class Model(_Paper):
    """What a job was promised to run on."""

    alias: Name
    fingerprint: str


class ServedModel(Model):
    """What workers of an alias serve, as they tell it in `models/<alias>.json`."""

    name: str
    max_model_len_tokens: int
    num_layers: int | None = None
    """Of hidden states that an embedding can be taken from; None where it isn't known."""
    kinds: tuple[Kind, ...]
    labels: tuple[str, ...] | None = None
    """Those that the model was trained to tell apart; None if it takes the job's."""
    multi_label: bool = False
    """Each of its labels is told by itself: several may hold of a row, or none."""


class Manifest(_Paper):
    """What a job is. Written once at submission, never changed."""

    format: int = FORMAT
    job_id: Name
    spec: Spec
    model: Model
    source: str
    taken: str = ""
    """Which of its rows, in the words of the submission's options; all of them where it is empty."""
    result_format: ResultFormat = ResultFormat.JSONL
    priority: Priority = Priority.STANDARD
    deadline: AwareDatetime | None = None
    max_failed_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """The job still succeeds if no more of its rows than this fail."""
    created_at: AwareDatetime
    shard_rows: tuple[int, ...]
    """How many rows each shard holds: the shard table."""
    input_sha256: str
    """Of all shards' bytes in order."""
    retry_of: Name | None = None
    """The ended job whose rows these are, to be tried once more."""
    idempotency_digest: Name | None = None
    """Of the key that stands for this job, so that the key can be removed with it."""

    @property
    def num_rows(self) -> int:
        return sum(self.shard_rows)

    @property
    def num_shards(self) -> int:
        return len(self.shard_rows)


class JobState(StrEnum):
    """Where a job stands; all but the first are ends, and no other word is used for them anywhere."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"  # every row ok
    PARTIAL = "partial"  # some rows ok, others failed
    CANCELLED = "cancelled"  # somebody ended it on its way, whatever was done by then
    EXPIRED = "expired"  # its deadline did
    FAILED = "failed"  # no row ok

    @property
    def marker(self) -> str:
        """The object that tells whoever lists the job's folder whether all rows are there, some or none."""
        assert self is not JobState.RUNNING
        match self:
            case JobState.SUCCEEDED:
                return "_SUCCESS"
            case JobState.FAILED:
                return "_FAILED"
            case _:
                return "_PARTIAL"


class FailureExample(_Paper):
    code: Code | None
    message: str | None
    rows: int

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def fault(self) -> Fault | None:
        return None if self.code is None else self.code.fault


class Report(_Paper):
    """How a job ended: its existence is the end."""

    format: int = FORMAT
    job_id: Name
    state: JobState
    rows: int
    counts: Counts
    failures: tuple[FailureExample, ...]
    low_quality: dict[str, int] = Field(default_factory=dict)
    """How many ok rows have each mark of low quality, the most frequent first."""
    without_label: int = 0
    """How many ok rows have no label, because none was sure enough."""
    stopped_because: str | None = None
    """Why it ended before its last row; None if it didn't, or if somebody cancelled it."""
    results: str
    """Key of the results; `errors` likewise, and None where every row is ok."""
    errors: str | None
    created_at: AwareDatetime
    finished_at: AwareDatetime

    @property
    def succeeded(self) -> bool:
        return self.state is JobState.SUCCEEDED

    @property
    def seconds(self) -> float:
        return (self.finished_at - self.created_at).total_seconds()
