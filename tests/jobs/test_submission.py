"""What a broken-off submission leaves is found and removed; one that goes on, or only slept, loses no row."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from jobs import layout
from jobs.manifest import Model
from jobs.names import new_job_id
from jobs.papers import NoSuchJobError, read_manifest
from jobs.readers import InputRow
from jobs.remove import JobInUseError, remove, remove_broken_off
from jobs.spec import GenerateSpec
from jobs.stores import ObjectStore
from jobs.submission import Submission, SubmissionRemovedError
from producer.connection import Connection
from producer.submit import Order, submit
from tests.jobs.paced_store import Paced
from tests.worker.fakes import Bench, DyingStore, Interrupted

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


def _rows(number: int, at: int = -1, happens: Callable[[], object] = lambda: None) -> Iterator[InputRow]:
    for n in range(number):
        if n == at:
            happens()
        yield InputRow(id=f"r{n}", where=f"in:{n}", text="t")


def _submit(bench: Bench, rows: Iterator[InputRow], store: ObjectStore | None = None) -> str:
    connection = Connection(store or bench.store, bench.ledger, bench.dispatcher())
    model = Model(alias="tiny", fingerprint="f")
    order = Order(spec=GenerateSpec(), source="in", model=model, shard_rows=1, idempotency_key="key")
    return submit(connection, order, rows)


def _killed_after(changes: int) -> tuple[Bench, DyingStore, bool]:
    """A submission that dies at its n-th change of the store, and whether it got to its end before that."""
    store = DyingStore()
    bench = Bench(store=store)
    store.changes_left = changes
    try:
        _submit(bench, _rows(3))
    except Interrupted:
        return bench, store, False
    finally:
        store.changes_left = None
    return bench, store, True


def _let_lease_lapse(bench: Bench) -> None:
    for key in bench.ledger.client.keys("bydawn:lease:*"):
        bench.ledger.client.delete(str(key))


def _traces(bench: Bench) -> list[str]:
    return [*bench.store.list(""), *(str(key) for key in bench.ledger.client.keys("*"))]


def _sweep(bench: Bench, at: datetime) -> list[str]:
    return list(remove_broken_off(bench.store, bench.ledger, at))


def test_whenever_a_submission_is_killed_its_job_is_open_or_removed_without_a_trace() -> None:
    removed = 0
    for changes in range(12):
        bench, store, has_ended = _killed_after(changes)
        _let_lease_lapse(bench)
        is_open = any(store.list(layout.OPEN_PREFIX))
        _sweep(bench, NOW + 2 * DAY)
        if is_open:
            (job_id,) = store.folders(layout.JOBS_PREFIX)
            assert (
                read_manifest(store, job_id).num_rows == len(list(store.list(f"jobs/{job_id}/shards/"))) == 3
            )
            assert not any(store.list(layout.SUBMITTING_PREFIX))
        else:
            assert _traces(bench) == []
            removed += 1
        if has_ended:
            break
    assert has_ended
    assert removed == 7, "before the marker, three shards, the manifest, the key and the open marker"


def test_a_removal_that_is_killed_is_ended_by_the_next() -> None:
    for step in range(12):
        bench, store, _ = _killed_after(6)
        _let_lease_lapse(bench)
        store.changes_left = step
        try:
            _sweep(bench, NOW + 2 * DAY)
        except Interrupted:
            store.changes_left = None
            _let_lease_lapse(bench)
            _sweep(bench, NOW + 2 * DAY)
            assert _traces(bench) == []
        else:
            assert step >= 3, "several steps were interrupted"
            return
    raise AssertionError("the removal never came to its end")


def test_a_day_must_have_passed_unless_somebody_names_the_job() -> None:
    bench, store, _ = _killed_after(3)
    _let_lease_lapse(bench)
    (job_id,) = store.folders(layout.JOBS_PREFIX)
    assert list(remove_broken_off(store, bench.ledger, NOW + timedelta(hours=23), timedelta(0))) == []
    assert list(remove_broken_off(store, bench.ledger, NOW + 3 * DAY, 4 * DAY)) == []
    remove(store, bench.ledger, job_id)
    assert _traces(bench) == []
    with pytest.raises(NoSuchJobError):
        remove(store, bench.ledger, job_id)


def test_a_submission_that_goes_on_is_neither_removed_by_age_nor_by_name() -> None:
    bench = Bench()

    def look() -> None:
        (job_id,) = bench.store.folders(layout.JOBS_PREFIX)
        assert _sweep(bench, NOW + 30 * DAY) == []
        with pytest.raises(JobInUseError, match=r"being submitted.*wait for a minute"):
            remove(bench.store, bench.ledger, job_id)

    job_id = _submit(bench, _rows(5, at=3, happens=look))
    assert read_manifest(bench.store, job_id).num_rows == 5
    assert len(list(bench.store.list(f"jobs/{job_id}/shards/"))) == 5
    assert not bench.ledger.held(job_id, ["submit"])


def test_a_submission_that_slept_while_it_was_removed_makes_no_job_of_the_rest() -> None:
    bench = Bench()

    def sleep() -> None:
        _let_lease_lapse(bench)
        assert len(_sweep(bench, NOW + 2 * DAY)) == 1

    with pytest.raises(SubmissionRemovedError, match="submit it again"):
        _submit(bench, _rows(5, at=3, happens=sleep))
    assert _traces(bench) == []


@pytest.mark.parametrize("step", range(4))
def test_a_submission_that_slept_while_its_removal_was_killed_is_whole_or_no_job(step: int) -> None:
    store = DyingStore()
    bench = Bench(store=store)

    def sleep() -> None:
        _let_lease_lapse(bench)
        store.changes_left = step
        with suppress(Interrupted):
            _sweep(bench, NOW + 2 * DAY)
        store.changes_left = None
        _let_lease_lapse(bench)

    try:
        job_id = _submit(bench, _rows(5, at=3, happens=sleep))
    except SubmissionRemovedError:
        assert step > 0
        assert _traces(bench) == []
    else:
        assert step == 0
        assert len(list(store.list(f"jobs/{job_id}/shards/"))) == 5


@pytest.mark.parametrize("sleeps_at", ["create jobs/", "create idempotency/", "create open/"])
def test_a_submission_that_slept_before_one_of_its_last_steps_makes_no_job_of_the_rest(
    sleeps_at: str,
) -> None:
    bench = Bench()
    with ThreadPoolExecutor() as pool:
        submitter = Paced(pool, bench.store, lambda store: _submit(bench, _rows(3), store))
        submitter.go_on_until(sleeps_at)
        _let_lease_lapse(bench)
        assert len(_sweep(bench, NOW + 2 * DAY)) == 1
        submitter.go_on()
        with pytest.raises(SubmissionRemovedError, match="submit it again"):
            submitter.done.result()
    assert _traces(bench) == []


def test_whichever_steps_a_submission_and_its_removal_take_in_turn_the_job_is_whole_or_none() -> None:
    ends: set[bool] = set()
    with ThreadPoolExecutor() as pool:
        for slept_at, removed_first, went_on in product(range(8), range(13), (0, 1, 4)):
            ends.add(_is_made_in_turns(pool, slept_at, removed_first, went_on))
    assert ends == {True, False}


def _is_made_in_turns(pool: ThreadPoolExecutor, slept_at: int, removed_first: int, went_on: int) -> bool:
    """First the submitter takes some of its last steps, then the removal some, then each some more."""
    bench = Bench()
    submitter = Paced(pool, bench.store, lambda store: _submit(bench, _rows(2), store))
    submitter.go_on_until("create jobs/")  # its manifest
    _steps(submitter, slept_at)
    _let_lease_lapse(bench)
    removal = Paced(pool, bench.store, lambda store: _sweep_once(bench, store))
    _steps(removal, removed_first)
    _steps(submitter, went_on)
    removal.go_on()
    submitter.go_on()
    if submitter.done.exception() is None:
        job_id = submitter.done.result()
        assert read_manifest(bench.store, job_id).num_rows == len(list(bench.store.list(f"jobs/{job_id}/s")))
        assert bench.store.exists(layout.open_marker(job_id))
        assert not any(bench.store.list(layout.SUBMITTING_PREFIX))
        return True
    assert isinstance(submitter.done.exception(), SubmissionRemovedError)
    assert list(bench.store.list("")) == []
    return False


def _steps(someone: Paced, number: int) -> None:
    for _ in range(number):
        someone.step()


def _sweep_once(bench: Bench, store: ObjectStore) -> str:
    return " ".join(remove_broken_off(store, bench.ledger, NOW + 2 * DAY))


def test_a_long_submission_keeps_its_lease_and_notices_early_that_it_was_removed() -> None:
    bench = Bench()
    job_id, clock_s = new_job_id(), 0.0
    submission = Submission(bench.store, bench.ledger, job_id, clock=lambda: clock_s)
    submission.begin()
    rows = submission.kept(range(10))
    next(rows)
    _let_lease_lapse(bench)
    clock_s = 10.0
    next(rows)
    assert not bench.ledger.held(job_id, ["submit"]), "it isn't told anew with every row"
    clock_s = 20.0
    next(rows)
    assert bench.ledger.held(job_id, ["submit"])
    _let_lease_lapse(bench)
    _sweep(bench, NOW + 2 * DAY)
    clock_s = 40.0
    with pytest.raises(SubmissionRemovedError):
        next(rows)


def test_a_job_of_which_only_the_marker_was_left_over_stays_and_ends_as_any_other() -> None:
    bench, store, _ = _killed_after(7)
    _let_lease_lapse(bench)
    assert any(store.list(layout.SUBMITTING_PREFIX))
    (job_id,) = store.folders(layout.JOBS_PREFIX)
    with pytest.raises(JobInUseError, match="bydawn cancel"):
        remove(store, bench.ledger, job_id)
    assert read_manifest(store, job_id).num_rows == 3
    assert not any(store.list(layout.SUBMITTING_PREFIX))


def test_the_sweep_leaves_alone_what_is_not_named_as_a_job_is() -> None:
    bench = Bench()
    bench.store.put("submitting/readme.txt", b"")
    bench.store.put("jobs/readme.txt/shards/00000000.jsonl", b"")
    before = _traces(bench)
    _sweep(bench, NOW + 9000 * DAY)
    assert _traces(bench) == before
