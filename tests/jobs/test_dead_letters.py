"""The dead-letter list holds ids and codes, never text, and lies where no Redis can lose it."""

from datetime import UTC, datetime

import pytest

from jobs import layout
from jobs.dead_letters import list_dead_letters, record_dead_letters
from jobs.outcome import Code, Outcome, Usage
from jobs.shards import CorruptObjectError
from jobs.stores import MemoryStore

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
JOB, EARLIER_JOB = "20260301t000000-00000001", "20260228t000000-00000001"
OUTCOMES = [
    Outcome.ok("r0", {"text": "secret answer"}, Usage()),
    Outcome.failed("r1", Code.POISON, "secret message"),
    Outcome.failed("r2", Code.ENGINE_ERROR, "the step failed"),
]


def _with_jobs() -> MemoryStore:
    store = MemoryStore()
    for job_id in (JOB, EARLIER_JOB):
        store.put(layout.manifest(job_id), b"{}")
    return store


def test_poison_rows_alone_are_listed_by_job_with_code_and_time_and_no_text() -> None:
    store = _with_jobs()
    record_dead_letters(store, JOB, 3, OUTCOMES, NOW)
    record_dead_letters(store, EARLIER_JOB, 0, OUTCOMES, NOW)
    earlier, letters = list_dead_letters(store)
    assert earlier.job_id == EARLIER_JOB
    assert (letters.job_id, letters.shard_no) == (JOB, 3)
    assert [(row.id, row.code, row.died_at) for row in letters.rows] == [("r1", Code.POISON, NOW)]
    assert b"secret" not in (store.get(layout.dead_letters(JOB, 3)) or b"")


def test_recording_a_shard_again_lists_its_rows_once() -> None:
    store = _with_jobs()
    for _ in range(2):
        record_dead_letters(store, JOB, 3, OUTCOMES, NOW)
    (letters,) = list_dead_letters(store)
    assert len(letters.rows) == 1


def test_a_shard_without_poison_leaves_nothing() -> None:
    store = MemoryStore()
    record_dead_letters(store, JOB, 3, [OUTCOMES[0], OUTCOMES[2]], NOW)
    assert list(store.list("")) == []


def test_what_cannot_be_read_is_told_by_its_key() -> None:
    store = MemoryStore()
    store.put(layout.dead_letters(JOB, 3), b"{")
    with pytest.raises(CorruptObjectError, match="00000003"):
        list(list_dead_letters(store))
