"""A job whose every row fails ends early and says why; one that only looks like it goes on."""

import pytest

from engine import EngineError, Request
from jobs import layout
from jobs.control import read_controls
from jobs.manifest import JobState, Manifest
from jobs.outcome import Code, Counts, Fault, Outcome, Usage
from jobs.papers import read_report
from tests.worker.fakes import Bench, completion, make_job, rows
from tests.worker.hand_worker import HandWorker
from worker.engine_messages import Result
from worker.hopeless import MIN_ROWS, is_hopeless, stop_if_hopeless
from worker.settle import Settler

ENOUGH = MIN_ROWS
HALF = MIN_ROWS // 2


@pytest.mark.parametrize(
    ("counts", "allowed", "hopeless"),
    [
        (Counts(failed=ENOUGH, blameless=ENOUGH), 0.0, True),
        (Counts(failed=ENOUGH, blameless=ENOUGH), 0.99, True),
        (Counts(failed=ENOUGH, blameless=ENOUGH), 1.0, False),
        (Counts(failed=ENOUGH - 1, blameless=ENOUGH - 1), 0.0, False),
        (Counts(ok=1, failed=ENOUGH, blameless=ENOUGH), 0.0, False),
        (Counts(failed=ENOUGH, blameless=0), 0.0, False),
        (Counts(failed=2 * ENOUGH, blameless=ENOUGH), 0.0, True),
        (Counts(), 0.0, False),
    ],
)
def test_a_job_is_hopeless_when_enough_rows_failed_blamelessly_and_none_is_ok(
    counts: Counts, allowed: float, hopeless: bool
) -> None:
    assert is_hopeless(counts, allowed) is hopeless


def test_every_code_says_who_is_at_fault_and_only_the_others_are_blameless() -> None:
    outcomes = [Outcome.failed("r", code, "") for code in Code]
    blamed = sum(code.fault is Fault.INPUT for code in Code)
    assert 0 < blamed < len(Code)
    assert Counts.of(outcomes).blameless == len(Code) - blamed


def _fails(_prompt: str, _request: Request) -> "Result | Exception | None":
    return EngineError("the weights are scrambled")


def test_a_job_whose_rows_all_fail_ends_early_as_failed_and_says_why() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows(*["t"] * HALF, start=HALF * n) for n in range(9)])
    worker = HandWorker(bench.store, bench.ledger, _fails)
    worker.dispatcher.start(manifest)
    while read_report(bench.store, manifest.job_id) is None:
        worker.run_all()
        worker.reconcile()
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert report.state is JobState.FAILED
    assert report.counts.rows == 9 * HALF
    assert report.counts.failed >= MIN_ROWS
    assert report.counts.cancelled >= 5 * HALF, "most of the night is saved"
    assert report.stopped_because is not None
    assert "engine_error (at fault: us): the whole shard broke: EngineError" in report.stopped_because
    assert bench.store.exists(layout.end_marker(manifest.job_id, JobState.FAILED))
    cancelled = next(each for each in report.failures if each.code is None)
    assert report.stopped_because in (cancelled.message or ""), "each row that was not done says so, too"
    assert [each.fault for each in report.failures if each.code is not None] == [Fault.US]


@pytest.mark.parametrize(("late", "state"), [(True, JobState.PARTIAL), (False, JobState.FAILED)])
def test_a_row_that_is_ok_after_all_makes_the_end_partial(late: bool, state: JobState) -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows(*["t"] * ENOUGH), rows("t", start=ENOUGH)])
    worker = HandWorker(bench.store, bench.ledger, lambda *_: completion("fine"))
    bench.ledger.open(manifest)
    settler = Settler(bench.store, bench.ledger, worker.dispatcher)
    broken = [Outcome.failed(f"r{n}", Code.REFUSED, "no such layer") for n in range(ENOUGH)]
    settler.settle(manifest, 0, broken)
    stop_if_hopeless(bench.store, bench.ledger, manifest)
    assert read_controls(bench.store, manifest).cancel is not None
    if late:
        settler.settle(manifest, 1, [Outcome.ok(f"r{ENOUGH}", {"text": "x"}, Usage())])
    worker.run_all()
    report = read_report(bench.store, manifest.job_id)
    assert report is not None
    assert report.state is state


def _refused(manifest: Manifest) -> list[Outcome]:
    return [Outcome.failed(f"r{n}", Code.EMPTY_TEXT, "empty") for n in range(manifest.num_rows)]


def test_bad_rows_do_not_stop_a_job() -> None:
    bench = Bench()
    manifest = make_job(bench.store, [rows(*["t"] * 2 * ENOUGH)])
    bench.ledger.open(manifest)
    bench.ledger.report_progress(manifest.job_id, 0, Counts.of(_refused(manifest)))
    stop_if_hopeless(bench.store, bench.ledger, manifest)
    assert read_controls(bench.store, manifest).cancel is None
