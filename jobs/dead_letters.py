"""The dead-letter list: rows that kill an engine, an object a shard, so that no wiped Redis loses them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from jobs import layout
from jobs.late import take_back_if_removed
from jobs.manifest import FORMAT
from jobs.outcome import Code, Outcome
from jobs.papers import read_paper
from jobs.stores import ObjectStore


class DeadRow(BaseModel):
    """One row, by its id: its text is the user's and stays in the shard."""

    model_config = ConfigDict(frozen=True)

    id: str
    code: Code
    died_at: AwareDatetime


class DeadLetters(BaseModel):
    """The dead rows of one shard."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    job_id: str
    shard_no: int
    rows: tuple[DeadRow, ...]


def record_dead_letters(
    store: ObjectStore, job_id: str, shard_no: int, outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Put the poison rows among a shard's outcomes on the list; may be repeated."""
    dead = [
        DeadRow(id=outcome.id, code=Code.POISON, died_at=now)
        for outcome in outcomes
        if outcome.code is Code.POISON
    ]
    if dead:
        letters = DeadLetters(job_id=job_id, shard_no=shard_no, rows=tuple(dead))
        key = layout.dead_letters(job_id, shard_no)
        store.put(key, letters.model_dump_json(indent=2).encode())
        take_back_if_removed(store, job_id, [key])


def list_dead_letters(store: ObjectStore) -> Iterator[DeadLetters]:
    """All of a store's, oldest job first.

    Raises:
        NewerFormatError: a newer version wrote one.
        CorruptObjectError: one can't be read.
    """
    for key in store.list(layout.DEAD_PREFIX):
        if (letters := read_paper(store, key, DeadLetters)) is not None:
            yield letters
