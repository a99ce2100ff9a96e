"""What a worker does with a message, whatever state the shard is in."""

from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from engine import EngineError, Request
from jobs import layout
from jobs.control import CancelOrder, DeadlineOrder, PauseOrder, end_pause, give_order
from jobs.manifest import Manifest
from jobs.outcome import Code, Outcome, Status
from jobs.shards import decode_part
from tests.worker.fakes import Bench, FakeEngine, FakeTokenizer, completion, fake_model, make_job, rows
from worker.engine_messages import Result
from worker.quarantine import Quarantine
from worker.retry import MAX_ATTEMPTS


def _answer(prompt: str, _request: Request) -> "Result | Exception | None":
    if "hang" in prompt:
        return None
    return EngineError("the step failed") if "crash" in prompt else completion("fine")


class Worker:
    """One worker over a bench, with what a test looks at."""

    def __init__(self, bench: Bench, name: str = "me") -> None:
        model, self.engine = fake_model(_answer)
        self.leases = bench.leases(name)
        self.runner = bench.runner(model, self.leases)


class CancellingEngine(FakeEngine):
    """Cancels what is "dropped", though nobody asked for that."""

    def submit(self, request: Request) -> "Future[Result]":
        future = super().submit(request)
        if "dropped" in self.prompts[-1]:
            future.cancel()
        return future

    def close(self) -> None:
        """It has nothing to close."""


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _job(bench: Bench, *texts: str, **more: Any) -> Manifest:
    manifest = make_job(bench.store, [rows(*texts)], **more)
    bench.ledger.open(manifest)
    return manifest


def _part(bench: Bench, manifest: Manifest) -> list[Outcome] | None:
    body = bench.store.get(layout.part(manifest.job_id, 0))
    return None if body is None else decode_part(body, manifest.job_id, 0)


def _run(bench: Bench, manifest: Manifest) -> FakeEngine:
    worker = Worker(bench)
    worker.runner.run(manifest.job_id, 0)
    assert worker.leases.num_held == 0
    return worker.engine


def test_a_shard_is_run_settled_and_its_lease_given_up(bench: Bench) -> None:
    manifest = _job(bench, "a", "b")
    _run(bench, manifest)
    assert [outcome.status for outcome in _part(bench, manifest) or []] == [Status.OK, Status.OK]
    assert bench.outbox.task_ids == [f"{manifest.job_id}/finish"]
    assert not bench.ledger.held(manifest.job_id, ["0"])


def test_a_shard_that_has_its_part_is_not_run_again(bench: Bench) -> None:
    manifest = _job(bench, "a")
    _run(bench, manifest)
    assert _run(bench, manifest).prompts == []


def test_a_shard_whose_lease_is_another_workers_is_left_to_it(bench: Bench) -> None:
    manifest = _job(bench, "a")
    bench.ledger.hold(manifest.job_id, "0", "another", 60)
    assert _run(bench, manifest).prompts == []
    assert _part(bench, manifest) is None


def test_a_job_of_another_model_is_given_back_and_not_counted(bench: Bench) -> None:
    manifest = _job(bench, "a", fingerprint="0" * 16)
    for _ in range(MAX_ATTEMPTS + 1):
        assert _run(bench, manifest).prompts == []
    assert _part(bench, manifest) is None


@pytest.mark.parametrize(("order", "end"), [(CancelOrder(), Status.CANCELLED), (None, Status.EXPIRED)])
def test_a_job_of_another_model_ends_when_it_is_cancelled_or_due(
    bench: Bench, order: CancelOrder | None, end: Status
) -> None:
    due = None if order is not None else datetime.now(UTC) - timedelta(seconds=1)
    manifest = _job(bench, "a", fingerprint="0" * 16, deadline=due)
    if order is not None:
        give_order(bench.store, manifest.job_id, order)
    assert _run(bench, manifest).prompts == []
    assert [outcome.status for outcome in _part(bench, manifest) or []] == [end]


def test_a_shard_that_always_breaks_the_engine_ends_with_failed_rows(bench: Bench) -> None:
    manifest = _job(bench, "hang", "crash")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        _run(bench, manifest)
        assert (_part(bench, manifest) is None) == (attempt < MAX_ATTEMPTS)
    assert [outcome.code for outcome in _part(bench, manifest) or []] == [Code.ENGINE_ERROR] * 2


@pytest.mark.parametrize("is_suspect", [False, True])
def test_a_request_that_is_cancelled_though_nobody_asked_breaks_its_shard_which_is_counted(
    bench: Bench, is_suspect: bool, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = _job(bench, "hang", "hang, dropped")
    model, _ = fake_model(_answer)
    engine = CancellingEngine(_answer, cast("FakeTokenizer", model.tokenizer))
    quarantine = Quarantine(bench.store, bench.ledger, lambda: engine)
    runner = bench.runner(replace(model, engine=engine), quarantine=quarantine)
    if is_suspect:
        bench.ledger.suspect(manifest.job_id, 0)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        runner.run(manifest.job_id, 0)
        assert (_part(bench, manifest) is None) == (attempt < MAX_ATTEMPTS)
        assert f"attempts={attempt} " in caplog.text
    assert [outcome.code for outcome in _part(bench, manifest) or []] == [Code.INTERNAL_ERROR] * 2
    assert all(future.done() for future in engine.futures)


def test_a_shard_that_cannot_be_read_ends_with_as_many_failed_rows(bench: Bench) -> None:
    manifest = _job(bench, "a", "b", "c")
    bench.store.put(layout.shard(manifest.job_id, 0), b"not a shard\n")
    for _ in range(MAX_ATTEMPTS):
        _run(bench, manifest)
    assert [outcome.code for outcome in _part(bench, manifest) or []] == [Code.INTERNAL_ERROR] * 3


def test_rows_of_a_damaged_shard_keep_their_ids_where_their_lines_can_be_read(bench: Bench) -> None:
    manifest = _job(bench, "a", "b", "c")
    key = layout.shard(manifest.job_id, 0)
    lines = (bench.store.get(key) or b"").splitlines(keepends=True)
    bench.store.put(key, b"".join([lines[0], lines[1], b"{damaged\n", lines[3]]))
    for _ in range(MAX_ATTEMPTS):
        _run(bench, manifest)
    assert [outcome.id for outcome in _part(bench, manifest) or []] == ["r0", "shard 0, row 1", "r2"]


def test_a_cancelled_jobs_rows_end_as_cancelled(bench: Bench) -> None:
    manifest = _job(bench, "a", "b")
    give_order(bench.store, manifest.job_id, CancelOrder())
    assert _run(bench, manifest).prompts == []
    assert [outcome.status for outcome in _part(bench, manifest) or []] == [Status.CANCELLED] * 2


def test_rows_after_the_deadline_end_as_expired(bench: Bench) -> None:
    manifest = _job(bench, "a", deadline=datetime.now(UTC) - timedelta(seconds=1))
    assert _run(bench, manifest).prompts == []
    assert [outcome.status for outcome in _part(bench, manifest) or []] == [Status.EXPIRED]


def test_a_changed_deadline_counts_and_the_old_one_does_not(bench: Bench) -> None:
    passed, ahead = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    manifest = _job(bench, "a", deadline=passed)
    give_order(bench.store, manifest.job_id, DeadlineOrder(deadline=ahead))
    assert len(_run(bench, manifest).prompts) == 1
    other = _job(bench, "a", deadline=ahead, job_id="20260101t000000-00000002")
    give_order(bench.store, other.job_id, DeadlineOrder(deadline=passed))
    assert _run(bench, other).prompts == []
    assert [outcome.status for outcome in _part(bench, other) or []] == [Status.EXPIRED]


def test_a_paused_jobs_shard_is_left_as_it_is_until_the_job_goes_on(bench: Bench) -> None:
    manifest = _job(bench, "a")
    give_order(bench.store, manifest.job_id, PauseOrder())
    for _ in range(MAX_ATTEMPTS + 1):
        assert _run(bench, manifest).prompts == []
    assert _part(bench, manifest) is None
    end_pause(bench.store, manifest.job_id)
    assert len(_run(bench, manifest).prompts) == 1
    assert [outcome.status for outcome in _part(bench, manifest) or []] == [Status.OK]


def test_a_message_for_a_job_that_is_not_there_does_no_harm(bench: Bench) -> None:
    Worker(bench).runner.run("20260101t000000-00000009", 0)
    assert bench.outbox.task_ids == []
    assert bench.ledger.client.keys("*") == [], "a removed job leaves nothing behind"
