"""What all rows of a classification are judged by: learned once for a job, then never changed."""

import json
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from jobs import layout
from jobs.late import take_back_if_removed
from jobs.manifest import FORMAT
from jobs.papers import read_paper
from jobs.shards import CorruptObjectError
from jobs.spec import ClassifySpec, Spec
from jobs.stores import ObjectStore

SAMPLE_ROWS = 128
"""How many of a job's rows are drawn to learn from; ops/BENCHMARKS.md has what more and fewer give."""

SAMPLE_SEED = 0


class PriorSource(StrEnum):
    """What a prior was learned from."""

    ROWS = "rows"
    WORDS = "words"  # of the job's rows, at random
    CONTENT_FREE = "content_free"
    NOTHING = "nothing"


class Prior(BaseModel):
    """Each label's log-probability whatever a row says, in the order of the spec's labels.

    `texts` is how many of the job's own texts it was learned from.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    source: PriorSource
    texts: int
    logprobs: tuple[float, ...]

    @classmethod
    def nothing(cls, num_labels: int) -> "Prior":
        """No label is favoured."""
        return cls(source=PriorSource.NOTHING, texts=0, logprobs=(0.0,) * num_labels)


def needs_sample(spec: Spec) -> bool:
    """Whether the job's own rows are learned from."""
    if not isinstance(spec, ClassifySpec) or spec.head is not None:
        return False
    return spec.calibration in ("learned", "in-domain")


def write_sample(store: ObjectStore, job_id: str, texts: Iterable[str]) -> None:
    """Keep the texts that the job's prior is learned from."""
    lines = [json.dumps({"text": text}) + "\n" for text in texts]
    store.put(layout.calibration_sample(job_id), "".join(lines).encode())


def read_sample(store: ObjectStore, job_id: str) -> tuple[str, ...]:
    """Those texts; none where the job has no sample.

    Raises:
        CorruptObjectError: it can't be read.
    """
    key = layout.calibration_sample(job_id)
    try:
        return tuple(json.loads(line)["text"] for line in (store.get(key) or b"").splitlines())
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptObjectError(f"{key} in {store.uri} can't be read: {error}") from error


def read_prior(store: ObjectStore, job_id: str) -> Prior | None:
    """What the job's rows are judged by; None until the first worker has learned it."""
    return read_paper(store, layout.calibration_prior(job_id), Prior)


def freeze_prior(store: ObjectStore, job_id: str, prior: Prior) -> Prior:
    """Make this the job's prior unless it has one; returns the one that it has now."""
    key = layout.calibration_prior(job_id)
    is_ours = store.create(key, prior.model_dump_json().encode())
    if take_back_if_removed(store, job_id, [key]) or is_ours:
        return prior
    winner = read_prior(store, job_id)
    assert winner is not None, "it was there a moment ago, and nobody removes it before the job's end"
    return winner


def hand_on(store: ObjectStore, old_id: str, new_id: str, same_model: bool) -> None:
    """Give a retry its job's sample and prior, so that its rows are judged as the others were.

    Another model favours other labels, and learns that from the same sample.
    """
    papers = [layout.calibration_sample, *([layout.calibration_prior] if same_model else [])]
    for key_of in papers:
        if (body := store.get(key_of(old_id))) is not None:
            store.put(key_of(new_id), body)
