"""Check what a run has left in the store against what was asked: pure, so that it can be shown to see."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jobs.manifest import Report
from jobs.outcome import Code, Counts, Outcome, Status

Record = Mapping[str, str]
"""A line of a results file, each value as text."""


class Defect(StrEnum):
    """What must not be; one of any kind fails the run."""

    LOST = "lost rows"
    TWICE = "rows twice"
    WRONG = "rows that ended as they must not"
    POISON = "poison rows"
    OVERWRITTEN = "parts overwritten"
    MISCOUNTED = "jobs whose counts are not their rows'"
    UNREADABLE = "jobs of which something can't be read"
    UNENDED = "jobs not ended in time"
    DIED = "processes that ended by themselves, or would not end"
    BROKE = "commands that broke"


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect, and where it is."""

    defect: Defect
    where: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What lies in the store of one job."""

    job_id: str
    expected: Sequence[Outcome]
    """Of each row in the input's order."""
    report: Report | None
    is_open: bool
    parts: Sequence[Sequence[Outcome]]
    results: Sequence[Record]
    errors: Sequence[Record]
    is_joined: bool
    """Whether the results have a record for every row, not for ok ones alone."""
    num_writes: Mapping[str, int]
    """Key -> versions and removals of an object that is written once and stays."""
    dead_rows: Sequence[str]


def audit(job: Evidence) -> Iterator[Finding]:
    """All defects of one job."""
    if job.is_open or job.report is None:
        yield Finding(Defect.UNENDED, job.job_id)
    else:
        yield from _rows_of_files(job)
        yield from _counts(job, job.report)
    yield from _rows_of_parts(job)
    yield from (Finding(Defect.POISON, f"{job.job_id} {row_id}") for row_id in job.dead_rows)
    for key, writes in job.num_writes.items():
        if writes != 1:
            yield Finding(Defect.OVERWRITTEN, f"{key}: {writes} times written or removed")


def _rows_of_parts(job: Evidence) -> Iterator[Finding]:
    found = [outcome for part in job.parts for outcome in part]
    where = f"{job.job_id} parts"
    if job.report is not None:
        yield from _once_each(where, (row.id for row in job.expected), (row.id for row in found))
    expected = {row.id: _essence(row) for row in job.expected}
    for outcome in found:
        if outcome.code is Code.POISON:
            yield Finding(Defect.POISON, f"{where} {outcome.id}")
        elif _essence(outcome) != expected.get(outcome.id):
            ended = f"{outcome.status} {outcome.code or ''}"
            yield Finding(Defect.WRONG, f"{where} {outcome.id}: {ended} {outcome.message or ''}")


def _rows_of_files(job: Evidence) -> Iterator[Finding]:
    ok = [row for row in job.expected if row.status is Status.OK]
    failed = [row for row in job.expected if row.status is not Status.OK]
    in_results = job.expected if job.is_joined else ok
    yield from _records(f"{job.job_id} results", in_results, job.results)
    yield from _records(f"{job.job_id} errors", failed, job.errors)


def _records(where: str, expected: Sequence[Outcome], records: Sequence[Record]) -> Iterator[Finding]:
    yield from _once_each(where, (row.id for row in expected), (record["id"] for record in records))
    by_id = {row.id: row for row in expected}
    for record in records:
        if (row := by_id.get(record["id"])) is not None and not _agrees(record, row):
            yield Finding(Defect.WRONG, f"{where} {row.id}")


def _once_each(where: str, expected: Iterable[str], found: Iterable[str]) -> Iterator[Finding]:
    asked, counted = set(expected), Counter(found)
    yield from (Finding(Defect.LOST, f"{where} {row_id}") for row_id in sorted(asked - counted.keys()))
    yield from (Finding(Defect.WRONG, f"{where} {row_id}: unknown") for row_id in counted.keys() - asked)
    yield from (Finding(Defect.TWICE, f"{where} {row_id}") for row_id, n in counted.items() if n > 1)


def _counts(job: Evidence, report: Report) -> Iterator[Finding]:
    of_parts = Counts.of(outcome for part in job.parts for outcome in part)
    num_rows = len(job.expected)
    if report.counts != of_parts or not report.rows == of_parts.rows == num_rows:
        told = f"the report says {report.counts}, the parts {of_parts}"
        yield Finding(Defect.MISCOUNTED, f"{job.job_id}: {num_rows} rows were submitted; {told}")


def _essence(outcome: Outcome) -> Outcome:
    """All but the words of the message."""
    return outcome.model_copy(update={"message": None})


def _agrees(record: Record, row: Outcome) -> bool:
    """Whether a record says of its row what the outcome says; the fields that it has decide what is said."""
    if row.status is not Status.OK:
        return row.code in (record.get("error"), record.get("code"))
    result = row.result or {}
    told = {name: value for name, value in record.items() if name in result}
    return bool(told) and all(value == as_text(result[name]) for name, value in told.items())


def as_text(value: object) -> str:
    """How a value of a result stands in a `Record`."""
    if isinstance(value, list):
        return " ".join(map(as_text, value))
    return "" if value is None else str(value)
