"""Finish: check every part, write the outputs, and let one conditional put decide the job's end."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jobs import layout
from jobs.control import read_controls
from jobs.late import take_back_if_removed
from jobs.ledger import Ledger
from jobs.manifest import FailureExample, JobState, Manifest, Report
from jobs.outcome import Code, Counts, Outcome, Status
from jobs.papers import NoSuchJobError, read_manifest, read_report
from jobs.parts import read_part
from jobs.queues import FINISH
from jobs.shards import CorruptObjectError, decode_part
from jobs.stores import ObjectStore
from worker.leases import Leases
from worker.result_files import write_errors, write_results

log = logging.getLogger(__name__)

_TOP_FAILURES = 10


class PartMissingError(Exception):
    """The ledger says settled, the store has no part; the store is right."""


@dataclass(slots=True)
class _Tally:
    """What a pass over all parts adds up to."""

    counts: Counts = field(default_factory=Counts)
    failures: Counter[tuple[Code | None, str | None]] = field(default_factory=Counter)
    low_quality: Counter[str] = field(default_factory=Counter)
    without_label: int = 0

    def add(self, outcome: Outcome) -> None:
        self.counts.add(outcome)
        if outcome.status is not Status.OK:
            self.failures[outcome.code, outcome.message] += 1
            return
        result = outcome.result or {}
        if mark := result.get("low_quality"):
            self.low_quality[str(mark)] += 1
        self.without_label += "label" in result and result["label"] is None

    def examples(self) -> tuple[FailureExample, ...]:
        return tuple(
            FailureExample(code=code, message=message, rows=rows)
            for (code, message), rows in self.failures.most_common(_TOP_FAILURES)
        )


class Finisher:
    """Ends jobs whose shards are all settled. Every step can be repeated."""

    def __init__(self, store: ObjectStore, ledger: Ledger, leases: Leases) -> None:
        self._store = store
        self._ledger = ledger
        self._leases = leases

    def finish(self, job_id: str) -> None:
        if not self._leases.take(job_id, FINISH):
            return
        try:
            self._finish_held(read_manifest(self._store, job_id))
        finally:
            self._leases.release(job_id, FINISH)

    def _finish_held(self, manifest: Manifest) -> None:
        job_id = manifest.job_id
        try:
            report = read_report(self._store, job_id) or self._publish(manifest)
            self._close(report)
        except PartMissingError as error:
            log.error("action=finish job=%s error=%s", job_id, error)
            self._ledger.forget(job_id)  # it is rebuilt from the parts that there are
        finally:
            take_back_if_removed(self._store, job_id, self._store.list(layout.job_prefix(job_id)))

    def _publish(self, manifest: Manifest) -> Report:
        tally = _Tally()
        for shard_no in range(manifest.num_shards):
            for outcome in self._part(manifest, shard_no):
                tally.add(outcome)
        counts = tally.counts
        if counts.rows != manifest.num_rows:
            raise CorruptObjectError(
                f"job {manifest.job_id} has {counts.rows} outcomes for {manifest.num_rows} rows"
            )
        results = write_results(self._store, manifest, self._part)
        errors = write_errors(self._store, manifest, self._part) if counts.ok < counts.rows else None
        cancel = read_controls(self._store, manifest).cancel
        is_hopeless = cancel is not None and cancel.hopeless
        report = Report(
            job_id=manifest.job_id,
            state=end_state(manifest, counts, is_hopeless),
            rows=counts.rows,
            counts=counts,
            failures=tally.examples(),
            low_quality=dict(tally.low_quality.most_common()),
            without_label=tally.without_label,
            stopped_because=cancel.reason if cancel is not None else None,
            results=results,
            errors=errors,
            created_at=manifest.created_at,
            finished_at=datetime.now(UTC),
        )
        body = report.model_dump_json(indent=2).encode()
        if self._store.create(layout.report(manifest.job_id), body):
            return report
        if (winner := read_report(self._store, manifest.job_id)) is None:
            raise NoSuchJobError(f"job {manifest.job_id} was ended by another worker, and removed since")
        return winner

    def _close(self, report: Report) -> None:
        # The marker comes after all outputs, for it tells readers that everything is there; the job stays
        # open until the last step, so that a crash in between is found and repeated.
        self._store.put(layout.end_marker(report.job_id, report.state), b"")
        self._ledger.end(report.job_id, report.state)
        self._store.delete(list(self._store.list(layout.checkpoints_prefix(report.job_id))))
        self._store.delete([layout.open_marker(report.job_id)])
        log.info("action=finish job=%s state=%s rows=%s", report.job_id, report.state, report.rows)

    def _part(self, manifest: Manifest, shard_no: int) -> Iterator[Outcome]:
        self._leases.progressed(manifest.job_id, FINISH)
        if (body := read_part(self._store, manifest, shard_no)) is None:
            raise PartMissingError(f"shard {shard_no} of job {manifest.job_id} is settled but has no part")
        yield from decode_part(body, manifest.job_id, shard_no)


def end_state(manifest: Manifest, counts: Counts, is_hopeless: bool = False) -> JobState:
    """A job that was stopped on the way is told by what stopped it, whatever share of its rows was done.

    Unless it was stopped because none of them was ok, and none became so since.
    """
    if is_hopeless and not counts.ok:
        return JobState.FAILED
    # A cancellation is heard first, also where the deadline has passed.
    if counts.cancelled:
        return JobState.CANCELLED
    if counts.expired:
        return JobState.EXPIRED
    # Divided, not multiplied: 0.29 * 100 is less than 29.
    if counts.failed / counts.rows <= manifest.max_failed_share:
        return JobState.SUCCEEDED
    return JobState.PARTIAL if counts.ok else JobState.FAILED
