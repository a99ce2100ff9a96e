"""A row's document is read from its own job or from an allowed source, and from nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import layout
from jobs.manifest import DocumentRef, Row
from jobs.outcome import Code, RowError
from jobs.stores import LocalStore, MemoryStore, ObjectStore
from tests.servers import BUCKET, S3Server
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


def test_a_file_too_large_to_be_parsed_is_not_even_read_whole(parsers: DocumentParsers) -> None:
    store = MemoryStore()
    store.put(layout.source(JOB, 0), b"x" * ((1 << 20) + 1))
    assert _code(RowTexts(store, parsers), _row(key=layout.source(JOB, 0))) is Code.TOO_LONG
    store.put(layout.source(JOB, 0), b"x" * (1 << 20))
    assert len(RowTexts(store, parsers).read(JOB, _row(key=layout.source(JOB, 0)))) == 1 << 20
