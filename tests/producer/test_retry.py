"""A retry is a job of its own: of the rows that aren't ok, with documents of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs import layout
from jobs.calibration import Prior, freeze_prior, read_prior, read_sample, write_sample
from jobs.control import PriorityOrder, give_order
from jobs.manifest import DocumentRef, Manifest, Priority, ResultFormat, Row, ServedModel
from jobs.outcome import Code, Outcome, Status, Usage
from jobs.papers import read_manifest
from jobs.readers import InputRow
from jobs.remove import remove
from jobs.shards import decode_shard, encode_part
from jobs.spec import ClassifySpec, GenerateSpec, Label
from jobs.stores.source import list_source
from producer.connection import Connection
from producer.errors import UserError
from producer.retry import retry
from producer.submit import Order, submit
from tests.worker.fakes import FINGERPRINT, Bench, make_job, rows
from worker.finish import Finisher
from worker.leases import Leases

ENDS: dict[str, Callable[[str], Outcome]] = {
    "ok": lambda row_id: Outcome.ok(row_id, {"text": "x"}, Usage()),
    "poison": lambda row_id: Outcome.failed(row_id, Code.ENGINE_ERROR, "broke"),
    "too_long": lambda row_id: Outcome.failed(row_id, Code.TOO_LONG, "too long"),
    "empty": lambda row_id: Outcome.failed(row_id, Code.EMPTY_TEXT, "empty"),
    "cancelled": lambda row_id: Outcome.stopped(row_id, Status.CANCELLED),
    "expired": lambda row_id: Outcome.stopped(row_id, Status.EXPIRED),
}


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    served = ServedModel(
        alias="tiny",
        fingerprint=FINGERPRINT,
        name="tiny",
        max_model_len_tokens=100,
        kinds=("classify", "generate"),
    )
    bench.store.put(layout.model("tiny"), served.model_dump_json().encode())
    return bench


@pytest.fixture
def connection(bench: Bench) -> Connection:
    return Connection(bench.store, bench.ledger, bench.dispatcher())


def _end(bench: Bench, manifest: Manifest, *ends: str) -> None:
    """Give all rows their outcomes, by name, and the job its report."""
    named = iter(ends)
    for shard_no in range(manifest.num_shards):
        given = decode_shard(
            bench.store.get(layout.shard(manifest.job_id, shard_no)) or b"", manifest.job_id, shard_no
        )
        outcomes = [ENDS[next(named)](row.id) for row in given]
        body = encode_part(manifest.job_id, shard_no, outcomes)
        bench.store.create(layout.part(manifest.job_id, shard_no), body)
    bench.ledger.open(manifest)
    Finisher(bench.store, bench.ledger, Leases(bench.ledger, "me", 15)).finish(manifest.job_id)


def _ended(bench: Bench, *ends: str, **more: Any) -> Manifest:
    """A job of two-row shards."""
    shards = [rows(*ends[n : n + 2], start=n) for n in range(0, len(ends), 2)]
    manifest = make_job(bench.store, shards, **more)
    _end(bench, manifest, *ends)
    return manifest


def _rows(bench: Bench, manifest: Manifest) -> list[Row]:
    bodies = [bench.store.get(layout.shard(manifest.job_id, n)) or b"" for n in range(manifest.num_shards)]
    return [row for n, body in enumerate(bodies) for row in decode_shard(body, manifest.job_id, n)]


def test_the_rows_that_are_not_ok_are_a_new_job_that_names_the_old_one(
    bench: Bench, connection: Connection
) -> None:
    old = _ended(
        bench, "ok", "poison", "ok", "ok", "cancelled", "expired",
        spec=GenerateSpec(max_tokens=7), result_format=ResultFormat.CSV, max_failed_share=0.5,
    )  # fmt: skip
    give_order(bench.store, old.job_id, PriorityOrder(priority=Priority.URGENT))
    bench.outbox.take()
    new = retry(connection, old.job_id)
    assert [row.id for row in _rows(bench, new)] == ["r1", "r4", "r5"]
    assert new.retry_of == old.job_id
    assert (new.spec, new.model, new.source, new.result_format, new.max_failed_share) == (
        old.spec, old.model, old.source, old.result_format, old.max_failed_share,
    )  # fmt: skip
    assert new.priority is Priority.URGENT
    assert bench.store.exists(layout.open_marker(new.job_id))
    assert bench.outbox.take() == [f"{new.job_id}/0", f"{new.job_id}/1"]
    assert read_manifest(bench.store, old.job_id) == old, "an ended job never changes"


@pytest.mark.parametrize(
    ("codes", "ids"),
    [
        (["engine_error"], ["r1"]),
        (["expired", "empty_text"], ["r2", "r4"]),
        (["cancelled"], ["r3"]),
    ],
)
def test_only_rows_that_ended_so_are_taken(
    codes: list[str], ids: list[str], bench: Bench, connection: Connection
) -> None:
    old = _ended(bench, "ok", "poison", "empty", "cancelled", "expired")
    assert [row.id for row in _rows(bench, retry(connection, old.job_id, codes))] == ids


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([], "nothing to retry"),
        (["expired"], "no row that ended as expired"),
        (["poisoned"], "--code can't be poisoned; allowed are empty_text"),
        (["ok"], "--code can't be ok"),
    ],
)
def test_where_there_is_nothing_to_retry_it_says_so_and_makes_no_job(
    codes: list[str], message: str, bench: Bench, connection: Connection
) -> None:
    old = _ended(bench, "ok", "ok")
    with pytest.raises(UserError, match=message):
        retry(connection, old.job_id, codes)
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [old.job_id]


@pytest.mark.parametrize("codes", [[], ["empty_text"]])
def test_rows_that_cannot_but_fail_again_are_not_retried(
    codes: list[str], bench: Bench, connection: Connection
) -> None:
    ends = ("ok", "empty", "empty") if not codes else ("poison", "empty", "empty")
    old = _ended(bench, *ends)
    with pytest.raises(UserError, match=r"at fault \(2 empty_text\): correct them in memory and submit them"):
        retry(connection, old.job_id, codes)
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [old.job_id]


def test_rows_at_fault_are_told_beside_those_that_may_pass(
    bench: Bench, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    old = _ended(bench, "too_long", "empty", "ok", "poison")
    new = retry(connection, old.job_id)
    assert [row.id for row in _rows(bench, new)] == ["r0", "r1", "r3"]
    assert "at fault for 2 of the rows (1 too_long, 1 empty_text); they fail again unless" in caplog.text


def test_rows_of_the_systems_fault_are_retried_without_a_warning(
    bench: Bench, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    retry(connection, _ended(bench, "poison", "empty").job_id, ["engine_error"])
    assert not caplog.records


def test_a_job_that_has_not_ended_is_not_retried(bench: Bench, connection: Connection) -> None:
    with pytest.raises(UserError, match="not ended yet"):
        retry(connection, make_job(bench.store, [rows("a")]).job_id)


def test_a_retry_outlives_the_removal_of_the_job_whose_documents_it_takes(
    bench: Bench, connection: Connection, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"the text of {name}")

    documents = (
        InputRow(id=Path(ref.uri).name, where=ref.uri, document=ref) for ref in list_source(str(tmp_path))
    )
    order = Order(spec=GenerateSpec(), source="docs", model=make_job(bench.store, [rows("a")]).model)
    old = read_manifest(bench.store, submit(connection, order, documents))
    _end(bench, old, "ok", "poison")
    new = retry(connection, old.job_id)
    remove(bench.store, bench.ledger, old.job_id)
    (row,) = _rows(bench, new)
    assert row.id == "b.txt"
    assert row.document is not None
    assert row.document.key is not None
    assert row.document.key.startswith(layout.job_prefix(new.job_id))
    assert bench.store.get(row.document.key) == b"the text of b.txt"


def test_a_document_that_is_gone_fails_its_row_and_no_other(bench: Bench, connection: Connection) -> None:
    gone = Row(id="gone", document=DocumentRef(name="gone.txt", key="jobs/x/sources/00000000"))
    old = make_job(bench.store, [[gone, Row(id="r1", text="t")]])
    _end(bench, old, "poison", "poison")
    assert [(row.id, row.error) for row in _rows(bench, retry(connection, old.job_id))] == [
        ("gone", Code.MISSING),
        ("r1", None),
    ]


def test_a_shard_that_cannot_be_read_costs_only_its_own_rows(
    bench: Bench, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    old = _ended(bench, "poison", "poison", "poison")
    bench.store.put(layout.shard(old.job_id, 0), b"junk")
    assert [row.id for row in _rows(bench, retry(connection, old.job_id))] == ["r2"]
    assert "2 rows are left out" in caplog.text


@pytest.mark.parametrize(("codes", "num_rows"), [([], 3), (["engine_error"], 2), (["too_long"], 1)])
@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_where_no_row_can_be_read_it_counts_them_and_does_not_call_them_ok(
    codes: list[str], num_rows: int, damage: str, bench: Bench, connection: Connection
) -> None:
    old = _ended(bench, "poison", "ok", "poison", "too_long", "ok", "ok")
    for shard_no in range(2):
        bench.store.delete([layout.shard(old.job_id, shard_no)])
        if damage == "damaged":
            bench.store.put(layout.shard(old.job_id, shard_no), b"junk")
    with pytest.raises(
        UserError, match=f"no readable row.*{num_rows} are left out.*submit them anew from memory"
    ):
        retry(connection, old.job_id, codes)
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [old.job_id]


@pytest.mark.parametrize(("fingerprint", "kept"), [(FINGERPRINT, True), ("0" * 16, False)])
def test_a_retry_is_judged_by_its_jobs_own_prior_while_the_model_is_the_same(
    bench: Bench, connection: Connection, fingerprint: str, kept: bool
) -> None:
    labels = (Label(name="a"), Label(name="b"))
    old = _ended(bench, "ok", "poison", spec=ClassifySpec(labels=labels), fingerprint=fingerprint)
    write_sample(bench.store, old.job_id, ["one", "two"])
    prior = freeze_prior(bench.store, old.job_id, Prior.nothing(2))
    new = retry(connection, old.job_id)
    assert read_sample(bench.store, new.job_id) == ("one", "two")
    assert read_prior(bench.store, new.job_id, 2) == (prior if kept else None)


def test_a_retry_leaves_a_damaged_sample_and_prior_behind(
    bench: Bench, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    labels = (Label(name="a"), Label(name="b"))
    old = _ended(bench, "ok", "poison", spec=ClassifySpec(labels=labels))
    bench.store.put(layout.calibration_sample(old.job_id), b"junk")
    freeze_prior(bench.store, old.job_id, Prior.nothing(1))
    new = retry(connection, old.job_id)
    assert not bench.store.exists(layout.calibration_sample(new.job_id))
    assert not bench.store.exists(layout.calibration_prior(new.job_id))
    assert "action=hand-on-sample" in caplog.text
    assert "action=hand-on-prior" in caplog.text
