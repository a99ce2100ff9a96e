"""What all rows of a classification are judged by: learned once for a job, then never changed."""

import json
import logging
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from jobs import layout
from jobs.late import take_back_if_removed
from jobs.manifest import FORMAT, Manifest
from jobs.papers import read_paper
from jobs.shards import CorruptObjectError
from jobs.spec import ClassifySpec, Spec
from jobs.stores import ObjectStore

log = logging.getLogger(__name__)

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

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

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
        return tuple(_text(line) for line in (store.get(key) or b"").splitlines())
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        # Its words are a row's text, which is logged nowhere.
        raise CorruptObjectError(f"{key} in {store.uri} can't be read: it is no sample of texts") from error


def _text(line: bytes) -> str:
    if not isinstance(text := json.loads(line)["text"], str):  # pydantic's reader takes no half surrogates
        raise TypeError("a text is a string")
    return text


def read_prior(store: ObjectStore, job_id: str, num_labels: int) -> Prior | None:
    """What the job's rows are judged by; None until the first worker has learned it.

    Raises:
        CorruptObjectError: it can't be read, or is not one of so many labels.
    """
    key = layout.calibration_prior(job_id)
    prior = read_paper(store, key, Prior)
    if prior is not None and len(prior.logprobs) != num_labels:
        raise CorruptObjectError(
            f"{key} in {store.uri} is of {len(prior.logprobs)} labels, and the job has {num_labels}"
        )
    return prior


def freeze_prior(store: ObjectStore, job_id: str, prior: Prior) -> Prior:
    """Make this the job's prior unless it has a sound one; returns the one that it has now."""
    key, body = layout.calibration_prior(job_id), prior.model_dump_json().encode()
    is_ours = store.create(key, body)
    if take_back_if_removed(store, job_id, [key]) or is_ours:
        return prior
    try:
        winner = read_prior(store, job_id, len(prior.logprobs))
    except CorruptObjectError:
        # Of two workers that come here each keeps its own: the same model learned it from the same sample.
        store.put(key, body)
        return prior
    assert winner is not None, "it was there a moment ago, and nobody removes it before the job's end"
    return winner


def hand_on(store: ObjectStore, old: Manifest, new_id: str, same_model: bool) -> None:
    """Give a retry its job's sample and prior, so that its rows are judged as the others were.

    Another model favours other labels, and learns that from the same sample. What is damaged stays behind.
    """
    if not isinstance(old.spec, ClassifySpec):
        return
    try:
        if texts := read_sample(store, old.job_id):
            write_sample(store, new_id, texts)
    except CorruptObjectError as error:
        log.warning("action=hand-on-sample job=%s left_out=%s", new_id, error)
    try:
        if same_model and (prior := read_prior(store, old.job_id, len(old.spec.labels))) is not None:
            # Not frozen as a worker's is: that looks for the manifest, which a submission writes last.
            store.create(layout.calibration_prior(new_id), prior.model_dump_json().encode())
    except CorruptObjectError as error:
        log.warning("action=hand-on-prior job=%s left_out=%s", new_id, error)
