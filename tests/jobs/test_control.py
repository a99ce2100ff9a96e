"""What holds for a job is its manifest, and above it what was said later; the store knows it for sure."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs import layout
from jobs.control import (
    CancelOrder,
    Control,
    Controls,
    DeadlineOrder,
    Halt,
    PauseOrder,
    PriorityOrder,
    copied_controls,
    copy_controls,
    end_pause,
    give_order,
    merge,
    read_controls,
)
from jobs.manifest import Manifest, Priority
from jobs.outcome import Status
from jobs.shards import CorruptObjectError
from jobs.stores import MemoryStore
from tests.worker.fakes import Bench, make_job, rows

NOW = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _manifest(bench: Bench, deadline: datetime | None = None) -> Manifest:
    return make_job(bench.store, [rows("a")], deadline=deadline, priority=Priority.BULK)


def test_without_orders_the_manifest_holds(bench: Bench) -> None:
    manifest = _manifest(bench, deadline=LATER)
    assert read_controls(bench.store, manifest) == Controls(Priority.BULK, LATER, None, is_paused=False)


def test_what_was_said_later_holds_above_the_manifest(bench: Bench) -> None:
    manifest = _manifest(bench, deadline=EARLIER)
    for order in (DeadlineOrder(deadline=LATER), PriorityOrder(priority=Priority.URGENT), PauseOrder()):
        give_order(bench.store, manifest.job_id, order)
    assert read_controls(bench.store, manifest) == Controls(Priority.URGENT, LATER, None, is_paused=True)


def test_a_deadline_can_be_taken_away_and_a_pause_ended(bench: Bench) -> None:
    manifest = _manifest(bench, deadline=EARLIER)
    give_order(bench.store, manifest.job_id, DeadlineOrder(deadline=None))
    give_order(bench.store, manifest.job_id, PauseOrder())
    end_pause(bench.store, manifest.job_id)
    assert read_controls(bench.store, manifest).halt(NOW) is None


@pytest.mark.parametrize(
    ("cancel", "deadline", "is_paused", "halt"),
    [
        (None, None, False, None),
        (None, LATER, False, None),
        (None, LATER, True, Halt(None, "paused")),
        (None, NOW, False, Halt(Status.EXPIRED)),
        (None, EARLIER, True, Halt(Status.EXPIRED)),
        (CancelOrder(reason="why"), None, False, Halt(Status.CANCELLED, "why")),
        (CancelOrder(), EARLIER, True, Halt(Status.CANCELLED)),
    ],
)
def test_a_cancellation_goes_before_the_deadline_and_that_before_a_pause(
    cancel: CancelOrder | None, deadline: datetime | None, is_paused: bool, halt: Halt | None
) -> None:
    controls = Controls(Priority.BULK, deadline, cancel, is_paused)
    assert controls.halt(NOW) == halt
    assert controls.holds_back(NOW) == (halt == Halt(None, "paused")), "or it would never end"


def test_of_two_cancellations_the_first_stands(bench: Bench) -> None:
    manifest = _manifest(bench)
    give_order(bench.store, manifest.job_id, CancelOrder(reason="first"))
    give_order(bench.store, manifest.job_id, CancelOrder(reason="second"))
    cancel = read_controls(bench.store, manifest).cancel
    assert cancel is not None
    assert cancel.reason == "first"


def test_the_ledgers_copy_is_made_to_say_what_the_store_says(bench: Bench) -> None:
    manifest = _manifest(bench)
    for order in (PriorityOrder(priority=Priority.URGENT), PauseOrder()):
        give_order(bench.store, manifest.job_id, order)
    assert copied_controls(bench.ledger, manifest) == merge(manifest, {})
    copy_controls(bench.store, bench.ledger, manifest)
    assert copied_controls(bench.ledger, manifest) == read_controls(bench.store, manifest)
    end_pause(bench.store, manifest.job_id)
    copy_controls(bench.store, bench.ledger, manifest)
    assert copied_controls(bench.ledger, manifest) == read_controls(bench.store, manifest)
    assert not copied_controls(bench.ledger, manifest).is_paused


@pytest.mark.parametrize("control", [Control.CANCEL, Control.DEADLINE, Control.PRIORITY])
def test_a_control_that_cannot_be_read_is_told_by_its_key(control: Control) -> None:
    store = MemoryStore()
    manifest = make_job(store, [rows("a")])
    store.put(layout.control(manifest.job_id, control), b"\xff{")
    with pytest.raises(CorruptObjectError, match=f"control/{control}"):
        read_controls(store, manifest)
