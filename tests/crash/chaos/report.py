"""A run's verdict as a table, and as JSON."""

from typing import Any

from rich.table import Table

from jobs.outcome import Status
from tests.crash.chaos.audit import Defect
from tests.crash.chaos.plan import Fault
from tests.crash.chaos.run import Options, Verdict


def table(options: Options, verdict: Verdict) -> Table:
    """What was done to the run, and what became of the work."""
    shown = Table(title=f"chaos: {options.minutes:g} minutes, seed {options.seed}", title_justify="left")
    shown.add_column("what", no_wrap=True)
    shown.add_column("count", justify="right")
    for name, count in _work(verdict).items():
        shown.add_row(name, count)
    shown.add_section()
    for fault in Fault:
        shown.add_row(fault.value, f"{verdict.faults[fault]:,}")
    shown.add_row("kills among them", f"{verdict.num_kills:,}", style="bold")
    shown.add_section()
    for defect in Defect:
        num_found = verdict.count(defect)
        shown.add_row(defect.value, f"{num_found:,}", style="bold red" if num_found else "green")
    return shown


def as_json(options: Options, verdict: Verdict) -> dict[str, Any]:
    """The same, with where each defect is."""
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "workers": options.num_workers,
        "grace_s": options.grace_s,
        "jobs": verdict.num_jobs,
        "rows": verdict.num_rows,
        "outcomes": {status.value: verdict.ended[status] for status in Status},
        "parts": verdict.num_parts,
        "worker_starts": verdict.num_worker_starts,
        "submissions_refused": verdict.num_refused,
        "longest_gap_s": verdict.longest_gap_s,
        "faults": {fault.name.lower(): verdict.faults[fault] for fault in Fault},
        "faults_skipped": verdict.num_skipped,
        "kills": verdict.num_kills,
        "defects": {defect.name.lower(): verdict.count(defect) for defect in Defect},
        "findings": [{"defect": each.defect.name.lower(), "where": each.where} for each in verdict.findings],
    }


def _work(verdict: Verdict) -> dict[str, str]:
    return {
        "jobs": f"{verdict.num_jobs:,}",
        "rows in": f"{verdict.num_rows:,}",
        **{f"rows {status}": f"{verdict.ended[status]:,}" for status in Status},
        "parts": f"{verdict.num_parts:,}",
        "workers started": f"{verdict.num_worker_starts:,}",
        "submissions refused, and given again": f"{verdict.num_refused:,}",
        "longest gap between two settled parts": f"{verdict.longest_gap_s:.0f} s",
    }
