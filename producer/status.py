"""All that `bydawn status --json` tells of one job: where it stands, and what came of it."""

from pydantic import BaseModel

from jobs import layout
from jobs.manifest import FailureExample, Report
from jobs.stores import ObjectStore
from producer.overview import JobOverview


class Ended(BaseModel):
    """What came of a job; outputs are told with their addresses, `errors` None where every row is ok."""

    failures: tuple[FailureExample, ...]
    low_quality: dict[str, int]
    without_label: int
    stopped_because: str | None
    results: str
    errors: str | None
    report: str


class JobStatus(JobOverview):
    """Where a job stands; `ended` is None until it has."""

    ended: Ended | None


def job_status(store: ObjectStore, overview: JobOverview, report: Report | None) -> JobStatus:
    return JobStatus(**dict(overview), ended=None if report is None else _ended(store, report))


def _ended(store: ObjectStore, report: Report) -> Ended:
    return Ended(
        failures=report.failures,
        low_quality=report.low_quality,
        without_label=report.without_label,
        stopped_because=report.stopped_because,
        results=f"{store.uri}/{report.results}",
        errors=None if report.errors is None else f"{store.uri}/{report.errors}",
        report=f"{store.uri}/{layout.report(report.job_id)}",
    )
