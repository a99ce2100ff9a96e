"""A run's outcome as a table, and as JSON."""

from typing import Any

from rich.table import Table

from jobs.outcome import Status
from tests.crash.chaos.audit import Defect
from tests.crash.chaos.plan import Fault
from tests.crash.chaos.run import Options, Outcome


def table(options: Options, outcome: Outcome) -> Table:
    """What was done to the run, and what became of the work."""
    shown = Table(title=f"chaos: {options.minutes:g} minutes, seed {options.seed}", title_justify="left")
    shown.add_column("what", no_wrap=True)
    shown.add_column("count", justify="right")
    for name, count in _work(outcome).items():
        shown.add_row(name, count)
    shown.add_section()
    for fault in Fault:
        shown.add_row(fault.value, f"{outcome.faults[fault]:,}")
    shown.add_row("kills among them", f"{outcome.num_kills:,}", style="bold")
    shown.add_section()
    for defect in Defect:
        num_found = outcome.count(defect)
        shown.add_row(defect.value, f"{num_found:,}", style="bold red" if num_found else "green")
    return shown


def as_json(options: Options, outcome: Outcome) -> dict[str, Any]:
    """The same, with where each defect is."""
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "workers": options.num_workers,
        "grace_s": options.grace_s,
        "jobs": outcome.num_jobs,
        "rows": outcome.num_rows,
        "outcomes": {status.value: outcome.ended[status] for status in Status},
        "parts": outcome.num_parts,
        "worker_starts": outcome.num_worker_starts,
        "submissions_refused": outcome.num_refused,
        "longest_gap_s": outcome.longest_gap_s,
        "faults": {fault.name.lower(): outcome.faults[fault] for fault in Fault},
        "faults_skipped": outcome.num_skipped,
        "kills": outcome.num_kills,
        "defects": {defect.name.lower(): outcome.count(defect) for defect in Defect},
        "findings": [{"defect": each.defect.name.lower(), "where": each.where} for each in outcome.findings],
    }


def _work(outcome: Outcome) -> dict[str, str]:
    return {
        "jobs": f"{outcome.num_jobs:,}",
        "rows in": f"{outcome.num_rows:,}",
        **{f"rows {status}": f"{outcome.ended[status]:,}" for status in Status},
        "parts": f"{outcome.num_parts:,}",
        "workers started": f"{outcome.num_worker_starts:,}",
        "submissions refused, and given again": f"{outcome.num_refused:,}",
        "longest gap between two settled parts": f"{outcome.longest_gap_s:.0f} s",
    }
