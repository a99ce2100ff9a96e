"""Inputs are read where they lie, in the version that was submitted."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from jobs.stores import LocalStore, ObjectChanged, ObjectMissing, ObjectStore
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from jobs.stores.source import list_source, open_source, read_source
from tests.servers import BUCKET, S3Server

Place = tuple[str, ObjectStore, S3Access]


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.integration)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty folder or prefix, and a store to fill it with."""
    if request.param == "local":
        return str(tmp_path), LocalStore(tmp_path), DEFAULT_ACCESS
    server: S3Server = request.getfixturevalue("s3_endpoint")
    prefix = f"sources/{uuid4().hex}"
    return f"s3://{BUCKET}/{prefix}", server.store(prefix), server.access


def test_a_folder_is_all_that_lies_below_it_in_order(place: Place) -> None:
    uri, store, access = place
    for key in ("docs/b.txt", "docs/a/deep.txt", "docs/B.txt", "docs-old/c.txt", "other.txt"):
        store.put(key, key.encode())
    refs = list(list_source(f"{uri}/docs", access))
    assert [ref.uri.rpartition("/docs/")[2] for ref in refs] == ["B.txt", "a/deep.txt", "b.txt"]
    assert [read_source(ref.uri, ref.version, access) for ref in refs] == [
        b"docs/B.txt",
        b"docs/a/deep.txt",
        b"docs/b.txt",
    ]
    assert [ref.size_bytes for ref in refs] == [10, 15, 10]


@pytest.mark.parametrize("pattern", ["docs", "docs/*.txt"])
def test_links_to_files_outside_of_the_folder_are_left_out_and_counted(
    tmp_path: Path, pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("a")
    (tmp_path / "secret.txt").write_text("not for the store")
    (docs / "again.txt").symlink_to("a.txt")
    (docs / "link.txt").symlink_to(tmp_path / "secret.txt")
    (docs / "climbing.txt").symlink_to("../secret.txt")
    (docs / "chain.txt").symlink_to("link.txt")
    (tmp_path / "linked").symlink_to(docs)
    for folder in (tmp_path, docs / ".."):
        caplog.clear()
        refs = list(list_source(str(folder / pattern)))
        assert [Path(ref.uri).name for ref in refs] == ["a.txt", "again.txt"]
        assert "left out 3 links to files outside of it" in caplog.text
    assert [Path(ref.uri).name for ref in list_source(str(tmp_path / "linked"))] == ["a.txt", "again.txt"]


def test_a_single_object_is_itself(place: Place) -> None:
    uri, store, access = place
    store.put("what #1?.csv", b"id,text\n")
    (ref,) = list_source(f"{uri}/what #1?.csv", access)
    assert ref.size_bytes == 8
    with open_source(ref.uri, ref.version, access) as stream:
        assert list(stream) == [b"id,text\n"]


def test_a_replaced_object_is_not_read_as_the_old_one(place: Place) -> None:
    uri, store, access = place
    store.put("a.txt", b"old")
    (ref,) = list_source(f"{uri}/a.txt", access)
    store.put("a.txt", b"newer")
    with pytest.raises(ObjectChanged, match="submit it again"):
        read_source(ref.uri, ref.version, access)
    assert read_source(ref.uri, None, access) == b"newer"


@pytest.mark.parametrize(
    "read",
    [lambda uri, access: list(list_source(uri, access)), lambda uri, access: read_source(uri, None, access)],
)
def test_a_missing_source_is_said(place: Place, read: Callable[[str, S3Access], object]) -> None:
    uri, _, access = place
    with pytest.raises(ObjectMissing, match="nothing"):
        read(f"{uri}/nothing", access)
