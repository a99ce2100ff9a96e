"""A row's document is read from its own job or from an allowed source, and from nowhere else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pytest

from jobs import layout
from jobs.manifest import DocumentRef, Row
from jobs.outcome import Code, RowError, Status
from jobs.shards import decode_part
from jobs.stores import AccessDenied, LocalStore, MemoryStore, ObjectStore, StoreError
from jobs.stores.s3_client import s3_client
from tests.servers import BUCKET, S3Server
from tests.worker.fakes import Bench, completion, fake_model, make_job
from worker.document_parsers import DocumentParsers
from worker.parse_process import ParseLimits
from worker.row_text import RowTexts

JOB = "20260101t000000-00000001"
OTHER = "20260101t000000-00000002"


@pytest.fixture
def parsers() -> Iterator[DocumentParsers]:
    parsers = DocumentParsers(ParseLimits(memory_bytes=4 << 20))
    yield parsers
    parsers.close()


def _row(**document: str | None) -> Row:
    return Row(id="r", document=DocumentRef(name="a.txt", **document))


def _code(texts: RowTexts, row: Row) -> Code:
    with pytest.raises(RowError) as refused:
        texts.read(JOB, row)
    return refused.value.code


def test_a_copy_of_its_own_job_is_read(parsers: DocumentParsers) -> None:
    store = MemoryStore()
    store.put(layout.source(JOB, 3), b"text")
    assert RowTexts(store, parsers).read(JOB, _row(key=layout.source(JOB, 3))) == "text"
    assert _code(RowTexts(store, parsers), _row(key=layout.source(JOB, 4))) is Code.MISSING


@pytest.mark.parametrize(
    "key",
    [
        f"jobs/{OTHER}/results.jsonl",
        f"jobs/{OTHER}/sources/00000000",
        f"jobs/{JOB}/manifest.json",
        f"jobs/{JOB}/sources/../manifest.json",
        f"jobs/{JOB}/sources/../../../../canary",
        f"jobs/{JOB}/sources//canary",
        "../canary",
        "/etc/hostname",
        "",
    ],
)
def test_a_key_outside_of_its_jobs_sources_is_forbidden(
    key: str, parsers: DocumentParsers, tmp_path: Path
) -> None:
    (tmp_path / "canary").write_bytes(b"a secret")
    store = LocalStore(tmp_path / "store")
    for there in (f"{OTHER}/results.jsonl", f"{OTHER}/sources/00000000", f"{JOB}/manifest.json"):
        store.put(f"jobs/{there}", b"a secret")
    assert _code(RowTexts(store, parsers), _row(key=key)) is Code.FORBIDDEN


@pytest.mark.parametrize(
    "uri",
    [
        "s3://other-bucket/a.txt",
        "s3://bucket/reports-old/a.txt",
        "s3://bucket/reports/../secret.txt",
        "s3://bucket",
        "s3://user:key@bucket/reports/a.txt",
        "S3://bucket/reports/a.txt",
        "file:///etc/hostname",
        "/etc/hostname",
        "http://169.254.169.254/latest",
        "",
    ],
)
def test_a_source_outside_of_the_allowed_prefixes_is_forbidden(uri: str, parsers: DocumentParsers) -> None:
    texts = RowTexts(MemoryStore(), parsers, ("s3://bucket/reports",))
    assert _code(texts, _row(uri=uri)) is Code.FORBIDDEN


def test_a_row_that_names_no_place_is_forbidden(parsers: DocumentParsers) -> None:
    assert _code(RowTexts(MemoryStore(), parsers), _row()) is Code.FORBIDDEN


@pytest.mark.integration
def test_sources_below_the_store_or_an_allowed_prefix_are_read(
    s3_endpoint: S3Server, parsers: DocumentParsers
) -> None:
    store: ObjectStore = s3_endpoint.store("texts/store")
    store.put("inbox/a.txt", b"below the store")
    s3_endpoint.store("texts/reports").put("a.txt", b"allowed")
    texts = RowTexts(store, parsers, (f"s3://{BUCKET}/texts/reports/",), s3_endpoint.access)
    assert texts.read(JOB, _row(uri=f"s3://{BUCKET}/texts/store/inbox/a.txt")) == "below the store"
    assert texts.read(JOB, _row(uri=f"s3://{BUCKET}/texts/reports/a.txt")) == "allowed"
    assert _code(texts, _row(uri=f"s3://{BUCKET}/texts/reports/b.txt")) is Code.MISSING


@contextmanager
def _denied(server: S3Server, prefix: str) -> Iterator[None]:
    """Nobody may read what lies below the prefix."""
    resource = f"arn:aws:s3:::{BUCKET}/{prefix}/*"
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": [resource]}
    client = s3_client(server.access)
    client.put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    try:
        yield
    finally:
        client.delete_bucket_policy(Bucket=BUCKET)


@pytest.mark.integration
def test_an_object_that_the_worker_may_not_read_fails_alone_with_what_to_allow(
    s3_endpoint: S3Server, parsers: DocumentParsers
) -> None:
    place = f"denied/{uuid4().hex}"
    store = s3_endpoint.store(place)
    for name in ("open/a.txt", "closed/b.txt"):
        store.put(name, b"text")
    bench = Bench()
    sources = [f"s3://{BUCKET}/{place}/{name}" for name in ("open/a.txt", "closed/b.txt", "open/none.txt")]
    make_job(
        bench.store, [[_row(uri=uri).model_copy(update={"id": uri[-8:]}) for uri in sources]], job_id=JOB
    )
    texts = RowTexts(bench.store, parsers, (f"s3://{BUCKET}",), s3_endpoint.access)
    with _denied(s3_endpoint, f"{place}/closed"):
        bench.runner(fake_model(lambda *_: completion("fine"))[0], texts=texts).run(JOB, 0)
    a, b, c = decode_part(bench.store.get(layout.part(JOB, 0)) or b"", JOB, 0)
    assert (a.status, b.code, c.code) == (Status.OK, Code.FORBIDDEN, Code.MISSING)
    assert sources[1] in (b.message or "")
    assert "s3:GetObject" in (b.message or "")
    assert bench.ledger.count_attempt(JOB, 0) == 1, "the first one"


@pytest.mark.integration
def test_bad_keys_are_no_rows_fault(s3_endpoint: S3Server, parsers: DocumentParsers) -> None:
    s3_endpoint.store("texts").put("a.txt", b"text")
    stranger = replace(s3_endpoint.access, secret_access_key="wrong")
    texts = RowTexts(MemoryStore(), parsers, (f"s3://{BUCKET}",), stranger)
    with pytest.raises(StoreError, match="AWS_SECRET_ACCESS_KEY"):
        texts.read(JOB, _row(uri=f"s3://{BUCKET}/texts/a.txt"))


def test_a_store_that_refuses_a_jobs_own_copies_is_no_rows_fault(parsers: DocumentParsers) -> None:
    class ClosedStore(MemoryStore):
        def open(self, key: str) -> BinaryIO:
            raise AccessDenied(key)

    with pytest.raises(AccessDenied):
        RowTexts(ClosedStore(), parsers).read(JOB, _row(key=layout.source(JOB, 0)))


def test_a_file_too_large_to_be_parsed_is_not_even_read_whole(parsers: DocumentParsers) -> None:
    store = MemoryStore()
    store.put(layout.source(JOB, 0), b"x" * ((1 << 20) + 1))
    assert _code(RowTexts(store, parsers), _row(key=layout.source(JOB, 0))) is Code.TOO_LONG
    store.put(layout.source(JOB, 0), b"x" * (1 << 20))
    assert len(RowTexts(store, parsers).read(JOB, _row(key=layout.source(JOB, 0)))) == 1 << 20
