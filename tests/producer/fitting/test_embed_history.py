"""Vectors of a history by the workers of a queue."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from rich.console import Console

from engine import Request, RequestError, RequestTooLong
from jobs.papers import read_manifest
from jobs.readers import InputRow
from jobs.spec import EmbedSpec
from producer.connection import Connection
from producer.control import cancel, tell
from producer.errors import UserError
from producer.fitting.embed_history import embed_by_workers, order_of
from producer.fitting.texts import Texts
from producer.submit import submit
from tests.producer.served import serve
from tests.worker.fakes import Bench, embedding
from tests.worker.hand_worker import HandWorker
from worker.engine_messages import Result

CONSOLE = Console(quiet=True)


def answer(prompt: str, request: Request) -> "Result | Exception":
    if request.layer == 99:
        return RequestError("layer=99: the model has layers 0 to 30")
    return embedding(float(len(prompt)), 0.5) if len(prompt) < 5 else RequestTooLong("too long")


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    serve(bench.store)
    return bench


@pytest.fixture
def worker(bench: Bench) -> HandWorker:
    return HandWorker(bench.store, bench.ledger, answer)


@pytest.fixture
def connection(bench: Bench, worker: HandWorker) -> Connection:
    return Connection(bench.store, bench.ledger, worker.dispatcher)


@contextmanager
def working(worker: HandWorker) -> Iterator[None]:
    """It goes on in a thread of its own until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.001):
            if worker.run_next() is not None:
                worker.reconcile()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def texts(*given: str, spec: EmbedSpec | None = None) -> Texts:
    rows = [InputRow(id=f"r{n}", where=f"h.csv:{n}", text=text) for n, text in enumerate(given)]
    return Texts("h.csv", rows, spec or EmbedSpec(pool="mean", layer=1), "tiny")


def test_each_text_has_its_vector_in_order_and_what_has_none_says_why(
    connection: Connection, worker: HandWorker
) -> None:
    with working(worker):
        model, embedded = embed_by_workers(texts("a", "bbb", "much too long", "cc"), connection, CONSOLE)
    assert model.alias == "tiny"
    assert embedded.ids == ["r0", "r1", "r3"]
    assert embedded.vectors.tolist() == [[1, 0.5], [3, 0.5], [2, 0.5]]
    assert embedded.vectors.dtype == np.float32
    assert embedded.failed == {"r2": "too_long"}


def test_a_second_fit_of_the_same_texts_has_the_vectors_already(
    connection: Connection, worker: HandWorker
) -> None:
    with working(worker):
        embed_by_workers(texts("a", "b"), connection, CONSOLE)
        asked = len(worker.engine.prompts)
        embed_by_workers(texts("a", "b"), connection, CONSOLE)
        assert len(worker.engine.prompts) == asked
        embed_by_workers(texts("a", "c"), connection, CONSOLE)
        assert len(worker.engine.prompts) > asked


@pytest.mark.parametrize(("layer", "told"), [(1, "too long"), (99, "layer=99: the model has layers 0 to 30")])
def test_texts_none_of_which_has_a_vector_are_refused_with_the_reason(
    layer: int, told: str, connection: Connection, worker: HandWorker
) -> None:
    """Also where so many failed that the job was stopped."""
    given = texts(*(f"much too long {n}" for n in range(400)), spec=EmbedSpec(layer=layer))
    with working(worker), pytest.raises(UserError, match=f"could be embedded: {told}"):
        embed_by_workers(given, connection, CONSOLE)


def test_a_job_that_was_cancelled_gives_no_head_of_half_a_history(
    connection: Connection, worker: HandWorker
) -> None:
    asked = texts("a", "b")
    job_id = submit(connection, order_of(asked, connection.store), iter(asked.rows))
    tell(connection, cancel(connection.store, job_id))
    with working(worker), pytest.raises(UserError, match=f"{job_id} was stopped.*bydawn rm {job_id}"):
        embed_by_workers(asked, connection, CONSOLE)


def test_a_fit_with_other_weights_of_the_same_name_has_vectors_of_its_own(
    bench: Bench, connection: Connection
) -> None:
    def job_now() -> str:
        asked = texts("a", "b")
        return submit(connection, order_of(asked, connection.store), iter(asked.rows))

    before = job_now()
    serve(bench.store, fingerprint="0" * 16)
    after = job_now()
    assert after != before
    assert read_manifest(bench.store, after).model.fingerprint == "0" * 16
    assert job_now() == after


def test_other_texts_layers_models_and_weights_are_other_vectors() -> None:
    keys = {
        texts("a").key("f"),
        texts("b").key("f"),
        texts("a", "b").key("f"),
        texts("a", spec=EmbedSpec(layer=2)).key("f"),
        Texts("h.csv", texts("a").rows, EmbedSpec(pool="mean", layer=1), "big").key("f"),
        texts("a").key("g"),
        texts("a").key(None),
        Texts("moved.csv", texts("a").rows, EmbedSpec(pool="mean", layer=1), "tiny").key("f"),
    }
    assert len(keys) == 8
    assert texts("a").key("f") == texts("a").key("f")
