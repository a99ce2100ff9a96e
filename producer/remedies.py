"""What can be done about an ended job's rows that aren't ok."""

import math

from jobs.manifest import JobState, Report
from jobs.outcome import Fault


def remedy_of_run(report: Report) -> str | None:
    """After `bydawn run`, whose folder already holds this job."""
    if (share := _acceptable_share(report)) is None:
        return None
    return f"accept such rows: --max-failed-share {share:g} --overwrite does the job again, and succeeds then"


def remedy_of_queued(report: Report) -> str | None:
    """Of a job that workers did."""
    faults = {each.fault for each in report.failures}
    if Fault.US in faults or (None in faults and report.stopped_because is None):  # None: cancelled, expired
        return f"`bydawn retry {report.job_id}` makes a new job of the rows that aren't ok"
    if (share := _acceptable_share(report)) is None:
        return None
    return f"correct such rows and submit them, or accept them: submit all with --max-failed-share {share:g}"


def _acceptable_share(report: Report) -> float | None:
    """With which the job had succeeded, where all that failed is the input's fault."""
    if report.state is not JobState.PARTIAL or report.counts.blameless:
        return None
    return math.ceil(report.counts.failed * 1000 / report.rows) / 1000
