"""A submission makes a whole job or none, and a key stands for one job whoever races for it."""

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, cast

import fakeredis
import pytest

from jobs import layout
from jobs.calibration import SAMPLE_ROWS, read_sample
from jobs.ledger import Ledger
from jobs.manifest import Model, Priority, ResultFormat
from jobs.outcome import Code
from jobs.papers import read_manifest
from jobs.readers import InputError, InputRow
from jobs.shards import decode_shard
from jobs.spec import ClassifySpec, GenerateSpec, Label
from jobs.spec.classify import Calibration
from jobs.stores import MemoryStore, ObjectStore
from producer.connection import Connection
from producer.errors import UserError
from producer.screen import warn_if_nobody_works
from producer.submit import Order, submit
from tests.jobs.paced_store import Paced
from tests.worker.fakes import Bench
from worker.reconcile import Reconciler
from worker.settle import Settler


def _rows(count: int, **more: Any) -> Iterator[InputRow]:
    return (InputRow(id=f"r{n}", where=f"in:{n}", text="t", **more) for n in range(count))


def _order(**more: Any) -> Order:
    given = {"spec": GenerateSpec(), "source": "in", "model": Model(alias="tiny", fingerprint="f"), **more}
    return Order(**given)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def connection(bench: Bench) -> Connection:
    return Connection(bench.store, bench.ledger, bench.dispatcher())


def test_a_job_is_whole_open_and_queued(bench: Bench, connection: Connection) -> None:
    job_id = submit(connection, _order(shard_rows=2), _rows(5))
    manifest = read_manifest(bench.store, job_id)
    assert manifest.shard_rows == (2, 2, 1)
    assert bench.store.exists(layout.open_marker(job_id))
    assert bench.outbox.task_ids == [f"{job_id}/0", f"{job_id}/1"]


def test_a_submission_that_fails_on_its_way_leaves_nothing(bench: Bench, connection: Connection) -> None:
    def broken() -> Iterator[InputRow]:
        yield from _rows(5)
        raise InputError("in:5", "a broken line")

    with pytest.raises(InputError):
        submit(connection, _order(shard_rows=2, idempotency_key="k"), broken())
    assert list(bench.store.list("")) == []
    assert submit(connection, _order(idempotency_key="k"), _rows(1)), "the key is free again"


def test_of_two_submissions_that_race_for_a_key_the_second_gives_way_and_harms_nothing(
    bench: Bench, connection: Connection
) -> None:
    winners: list[str] = []

    def overtaken() -> Iterator[InputRow]:
        yield from _rows(3)
        winners.append(submit(connection, _order(idempotency_key="k"), _rows(4)))

    assert [submit(connection, _order(idempotency_key="k"), overtaken())] == winners
    assert read_manifest(bench.store, winners[0]).num_rows == 4
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == winners


def test_whichever_steps_two_submissions_take_in_turn_a_key_of_a_removed_job_comes_to_stand_for_one() -> None:
    with ThreadPoolExecutor() as pool:
        for first, second, more in product(range(7), range(9), (0, 1, 3)):
            _assert_two_in_turns_make_one_job(pool, first, second, more)


def _assert_two_in_turns_make_one_job(pool: ThreadPoolExecutor, first: int, second: int, more: int) -> None:
    """From where each looks at the key to make it his own."""
    bench = Bench()
    key = layout.idempotency(hashlib.sha256(b"k").hexdigest()[:40])
    bench.store.put(key, b"20260101t000000-aaaaaaaa")

    def work(store: ObjectStore) -> str:
        connection = Connection(store, bench.ledger, bench.dispatcher())
        return submit(connection, _order(idempotency_key="k"), _rows(1))

    one, other = Paced(pool, bench.store, work), Paced(pool, bench.store, work)
    for each in (one, other):
        each.go_on_until("create idempotency/")
    for each, steps in ((one, first), (other, second), (one, more)):
        for _ in range(steps):
            each.step()
    other.go_on()
    one.go_on()
    job_id = one.done.result()
    assert other.done.result() == job_id
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [job_id]
    assert list(bench.store.list(layout.OPEN_PREFIX)) == [layout.open_marker(job_id)]
    assert bench.store.get(key) == job_id.encode()


def test_a_submission_that_is_broken_off_does_not_touch_the_job_that_has_the_key(
    bench: Bench, connection: Connection
) -> None:
    winners: list[str] = []

    def broken_off() -> Iterator[InputRow]:
        yield from _rows(3)
        winners.append(submit(connection, _order(idempotency_key="k"), _rows(4)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(connection, _order(idempotency_key="k"), broken_off())
    assert read_manifest(bench.store, winners[0]).num_rows == 4
    assert submit(connection, _order(idempotency_key="k"), _rows(9)) == winners[0]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"spec": GenerateSpec(max_tokens=7)}, "--max-tokens 256, now 7"),
        ({"spec": GenerateSpec(system="x" * 400)}, "another --system"),
        ({"source": "elsewhere"}, "the input in, now elsewhere"),
        ({"model": Model(alias="tiny", fingerprint="g")}, "--model tiny (f), now tiny (g)"),
        ({"model": Model(alias="big", fingerprint="f")}, "--model tiny (f), now big (f)"),
        ({"result_format": ResultFormat.CSV}, "--format jsonl, now csv"),
        ({"priority": Priority.URGENT}, "--priority standard, now urgent"),
        ({"max_failed_share": 0.5}, "--max-failed-share 0.0, now 0.5"),
        ({"taken": ""}, "rows --limit 4, now all"),
        (
            {"taken": "--limit 8", "result_format": ResultFormat.CSV},
            "rows --limit 4, now --limit 8; --format jsonl, now csv",
        ),
    ],
)
def test_a_key_that_stands_for_another_request_is_refused_and_the_difference_told(
    other: dict[str, Any], told: str, bench: Bench, connection: Connection
) -> None:
    job_id = submit(connection, _order(idempotency_key="k", taken="--limit 4"), _rows(4))
    with pytest.raises(UserError, match=f"{job_id}.*: {re.escape(told)}. Give another key"):
        submit(connection, _order(**{"idempotency_key": "k", "taken": "--limit 4", **other}), _rows(4))
    assert list(bench.store.folders(layout.JOBS_PREFIX)) == [job_id]


def test_a_key_stands_for_its_job_whatever_the_time_and_the_size_of_shards(connection: Connection) -> None:
    job_id = submit(connection, _order(idempotency_key="k"), _rows(4))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert submit(connection, _order(idempotency_key="k", deadline=later, shard_rows=1), _rows(4)) == job_id


@pytest.mark.parametrize("depth", [210, 250, 400])
def test_a_row_nested_too_deep_to_be_read_again_fails_alone(
    depth: int, bench: Bench, connection: Connection
) -> None:
    deep: Any = "x"
    for _ in range(depth):
        deep = [deep]
    odd = InputRow(id="odd", where="in:9", text="t", columns={"messages": deep})
    job_id = submit(connection, _order(), iter([*_rows(1), odd]))
    body = bench.store.get(layout.shard(job_id, 0)) or b""
    assert [(row.id, row.error) for row in decode_shard(body, job_id, 0)] == [
        ("r0", None),
        ("odd", Code.BAD_REQUEST),
    ]


def test_a_row_nested_too_deep_keeps_its_other_columns_in_joined_results(
    bench: Bench, connection: Connection
) -> None:
    deep: Any = "x"
    for _ in range(250):
        deep = [deep]
    odd = InputRow(id="odd", where="in:9", text="t", columns={"id": "odd", "deep": deep, "tags": [1]})
    job_id = submit(connection, _order(result_format=ResultFormat.CSV), iter([odd]))
    (row,) = decode_shard(bench.store.get(layout.shard(job_id, 0)) or b"", job_id, 0)
    assert (row.error, row.columns) == (Code.BAD_REQUEST, {"id": "odd", "tags": [1]})


def test_columns_are_kept_only_where_the_results_are_joined_to_them(
    bench: Bench, connection: Connection
) -> None:
    for result_format, kept in ((ResultFormat.JSONL, {}), (ResultFormat.CSV, {"a": "b"})):
        job_id = submit(connection, _order(result_format=result_format), _rows(1, columns={"a": "b"}))
        (row,) = decode_shard(bench.store.get(layout.shard(job_id, 0)) or b"", job_id, 0)
        assert row.columns == kept


@pytest.mark.parametrize(
    ("calibration", "num_texts"), [("learned", SAMPLE_ROWS), ("in-domain", SAMPLE_ROWS), ("content-free", 0)]
)
def test_a_classification_keeps_a_sample_of_its_texts_where_it_learns_from_them(
    bench: Bench, connection: Connection, calibration: Calibration, num_texts: int
) -> None:
    spec = ClassifySpec(labels=(Label(name="a"), Label(name="b")), calibration=calibration)
    rows = (InputRow(id=f"r{n}", where="in", text="" if n % 2 else f"t{n}") for n in range(600))
    texts = read_sample(bench.store, submit(connection, _order(spec=spec), rows))
    assert len(texts) == num_texts
    assert all(texts)
    assert texts[-1:] != ("t254",), "from the whole input, not from its beginning"


def test_other_kinds_keep_no_sample(bench: Bench, connection: Connection) -> None:
    job_id = submit(connection, _order(), _rows(3))
    assert not bench.store.exists(layout.calibration_sample(job_id))


class _LastBeforeOutage(MemoryStore):
    """Redis goes away when the job has its open marker."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        super().__init__()
        self._server = server

    def create(self, key: str, body: bytes) -> bool:
        is_new = super().create(key, body)
        if key.startswith(layout.OPEN_PREFIX):
            self._server.connected = False
        return is_new


def test_a_job_that_redis_did_not_hear_of_is_submitted_all_the_same_and_its_id_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = fakeredis.FakeServer()
    ledger = Ledger(cast("Any", fakeredis.FakeRedis(server=server, decode_responses=True)))
    bench = Bench(store=_LastBeforeOutage(server), ledger=ledger)
    job_id = submit(Connection(bench.store, bench.ledger, bench.dispatcher()), _order(), _rows(1))
    warn_if_nobody_works(ledger, "tiny")
    assert not bench.store.exists(layout.submitting_marker(job_id))
    (warning,) = caplog.messages
    assert job_id in warning
    server.connected = True
    settler = Settler(bench.store, ledger, bench.dispatcher())
    Reconciler(bench.store, ledger, bench.dispatcher(), settler, "w", interval_s=5).reconcile_all()
    assert bench.outbox.task_ids == [f"{job_id}/0"]
