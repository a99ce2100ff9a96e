"""A job's cancellation and a drain's end don't wait for a document that takes its time to parse."""

import threading
from collections.abc import Iterator

import pytest

from jobs import layout
from jobs.control import CancelOrder, copy_controls, give_order
from jobs.manifest import DocumentRef, Manifest, Row
from jobs.outcome import Status
from jobs.shards import decode_part
from tests.integration.commands import wait_until
from tests.worker.fakes import Bench, completion, fake_model, make_job
from worker.document_parsers import DocumentParsers
from worker.parse_process import ParseLimits
from worker.row_text import RowTexts

JOB = "20260101t000000-00000001"
FOR_EVER_S = 250
LIMIT_S = 60.0  # far from for ever, and from what is needed


@pytest.fixture
def parsers() -> Iterator[DocumentParsers]:
    parsers = DocumentParsers(ParseLimits(time_s=FOR_EVER_S), 1, "tests.worker.misbehaving_parser")
    yield parsers
    parsers.close()


def _job(bench: Bench) -> Manifest:
    """One row that is done at once, and two documents that hang."""
    for number in range(2):
        bench.store.put(layout.source(JOB, number), b"hang")
    documents = [DocumentRef(name="a.pdf", key=layout.source(JOB, number)) for number in range(2)]
    rows = [Row(id="r", text="text"), *(Row(id=str(n), document=each) for n, each in enumerate(documents))]
    manifest = make_job(bench.store, [rows], job_id=JOB)
    bench.ledger.open(manifest)
    return manifest


def test_a_cancelled_job_ends_without_its_slow_documents(parsers: DocumentParsers) -> None:
    bench = Bench()
    manifest = _job(bench)
    model, _ = fake_model(lambda *_: completion("fine"))
    runner = bench.runner(model, texts=RowTexts(bench.store, parsers))
    running = threading.Thread(target=runner.run, args=(JOB, 0))
    running.start()
    wait_until(lambda: parsers.pids, LIMIT_S, "a document is being parsed")
    give_order(bench.store, JOB, CancelOrder())
    copy_controls(bench.store, bench.ledger, manifest)
    running.join(LIMIT_S)
    assert not running.is_alive()
    outcomes = decode_part(bench.store.get(layout.part(JOB, 0)) or b"", JOB, 0)
    assert [each.status for each in outcomes] == [Status.OK, Status.CANCELLED, Status.CANCELLED]


def test_a_drain_gives_back_a_shard_whose_document_is_being_parsed(parsers: DocumentParsers) -> None:
    bench = Bench()
    _job(bench)
    leases = bench.leases()
    drain = bench.drain(leases, timeout_s=0)
    model, _ = fake_model(lambda *_: completion("fine"))
    runner = bench.runner(model, leases, drain, texts=RowTexts(bench.store, parsers))
    running = threading.Thread(target=runner.run, args=(JOB, 0))
    running.start()
    wait_until(lambda: parsers.pids, LIMIT_S, "a document is being parsed")
    drain.on_signal()
    running.join(LIMIT_S)
    assert not running.is_alive()
    assert bench.outbox.take() == [f"{JOB}/0"]
    assert leases.num_held == 0
