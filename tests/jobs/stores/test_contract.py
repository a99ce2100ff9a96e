"""What every store promises, against memory, a folder and a real S3 server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from jobs.stores import InvalidKey, LocalStore, MemoryStore, ObjectMissing, ObjectStore

STORES = ["memory", "local", pytest.param("s3", marks=pytest.mark.integration)]
NUM_RACERS = 16
REFUSED_KEYS = ["", "/etc/passwd", "../up", "a/../../up", "a/..", "./a", "a//b", "a/"]
REFUSED_KEYS += ["a\\b", "a\nb", "a\0b", "\udc80", "x" * 1025, ".incomplete/a"]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "local":
        return LocalStore(tmp_path / "store")
    fresh: ObjectStore = request.getfixturevalue("s3_endpoint").store(f"contract/{uuid4().hex}")
    return fresh


class TestStore:
    def test_what_was_put_is_read_back(self, store: ObjectStore) -> None:
        store.put("jobs/1/manifest.json", b'{"format": 1}')
        assert store.get("jobs/1/manifest.json") == b'{"format": 1}'
        assert store.exists("jobs/1/manifest.json")

    def test_put_replaces(self, store: ObjectStore) -> None:
        store.put("a", b"long old body")
        store.put("a", b"new")
        assert store.get("a") == b"new"

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        store.put("a", b"")
        assert store.get("a") == b""
        assert store.exists("a")
        with store.open("a") as stream:
            assert stream.read() == b""

    def test_a_missing_object_is_none_false_or_missing(self, store: ObjectStore) -> None:
        store.put("folder/object", b"")
        for key in ("nothing", "folder", "folder/object/below", "no/where"):
            assert store.get(key) is None
            assert not store.exists(key)
            with pytest.raises(ObjectMissing, match=key):
                store.open(key)

    def test_open_streams_lines(self, store: ObjectStore) -> None:
        store.put("a", b"first\nsecond\r\nthird")
        with store.open("a") as stream:
            assert list(stream) == [b"first\n", b"second\r\n", b"third"]

    def test_create_refuses_a_key_that_exists_and_leaves_it_alone(self, store: ObjectStore) -> None:
        assert store.create("parts/1", b"first")
        assert not store.create("parts/1", b"second")
        assert not store.create("parts/1", b"first")
        assert store.get("parts/1") == b"first"

    def test_of_many_racing_creates_one_wins_and_its_body_stands(self, store: ObjectStore) -> None:
        bodies = [f"writer {number} ".encode() * 1000 for number in range(NUM_RACERS)]
        with ThreadPoolExecutor(NUM_RACERS) as pool:
            won = list(pool.map(lambda body: store.create("race", body), bodies))
        assert sum(won) == 1
        assert store.get("race") == bodies[won.index(True)]

    def test_upload_writes_a_stream_and_counts_its_bytes(self, store: ObjectStore) -> None:
        chunks = [b"", b"ab", b"c" * 3_000_000, b"", b"d"]
        assert store.upload("results.jsonl", iter(chunks)) == 3_000_003
        assert store.get("results.jsonl") == b"".join(chunks)

    def test_an_upload_of_nothing_is_an_empty_object(self, store: ObjectStore) -> None:
        assert store.upload("results.jsonl", []) == 0
        assert store.get("results.jsonl") == b""

    def test_an_upload_that_fails_midway_leaves_no_trace(self, store: ObjectStore) -> None:
        store.put("old", b"stays")
        for key in ("old", "new"):
            with pytest.raises(OSError, match="source went away"):
                store.upload(key, failing_chunks())
        assert store.get("old") == b"stays"
        assert list(store.list("")) == ["old"]

    def test_list_is_in_byte_order_and_only_under_the_prefix(self, store: ObjectStore) -> None:
        keys = ["a/10", "a/9", "a/b/c", "ab", "b", "a/é", "a/z"]
        for key in keys:
            store.put(key, b"")
        assert list(store.list("")) == sorted(keys)
        assert list(store.list("a/")) == ["a/10", "a/9", "a/b/c", "a/z", "a/é"]
        assert list(store.list("a/b/")) == ["a/b/c"]
        assert list(store.list("a/1")) == ["a/10"]
        assert list(store.list("a/b/c/d")) == []
        assert list(store.list("nowhere/")) == []

    def test_delete_removes_and_minds_no_missing_ones(self, store: ObjectStore) -> None:
        store.put("a/1", b"")
        store.put("a/2", b"")
        store.delete(key for key in ["a/1", "nothing", "a"])
        store.delete([])
        assert list(store.list("")) == ["a/2"]

    def test_delete_if_removes_the_very_object_and_minds_no_other_and_none(self, store: ObjectStore) -> None:
        store.put("a", b"new")
        store.delete_if("a", b"old")
        store.delete_if("nothing", b"old")
        assert store.get("a") == b"new"
        store.delete_if("a", b"new")
        assert list(store.list("")) == []

    def test_of_many_who_replace_an_old_object_one_wins_and_its_body_stands(self, store: ObjectStore) -> None:
        def replaced(body: bytes) -> bool:
            store.delete_if("race", b"old")
            return store.create("race", body)

        bodies = [f"writer {number}".encode() for number in range(NUM_RACERS)]
        with ThreadPoolExecutor(NUM_RACERS) as pool:
            for _ in range(3):
                store.put("race", b"old")
                won = list(pool.map(replaced, bodies))
                assert sum(won) == 1
                assert store.get("race") == bodies[won.index(True)]

    @pytest.mark.parametrize("name", ["ticket 7?.txt", "50%25 #1&+=;.md", "日本語/文書.txt", ".hidden"])
    def test_names_of_every_kind_survive(self, store: ObjectStore, name: str) -> None:
        key = f"documents/{name}"
        assert store.create(key, b"body")
        assert list(store.list("documents/")) == [key]
        assert store.get(key) == b"body"
        store.delete([key])
        assert not store.exists(key)

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_a_key_that_leads_elsewhere_is_refused(self, store: ObjectStore, key: str) -> None:
        for refused in (
            lambda: store.get(key),
            lambda: store.open(key),
            lambda: store.put(key, b""),
            lambda: store.create(key, b""),
            lambda: store.upload(key, [b""]),
            lambda: store.exists(key),
            lambda: store.delete([key]),
            lambda: store.delete_if(key, b""),
        ):
            with pytest.raises(InvalidKey):
                refused()
        assert list(store.list("")) == []

    def test_a_prefix_that_leads_elsewhere_is_refused_at_once(self, store: ObjectStore) -> None:
        with pytest.raises(InvalidKey):
            store.list("../")

    def test_probe_accepts_it_and_leaves_nothing(self, store: ObjectStore) -> None:
        store.probe()
        assert list(store.list("")) == []


def failing_chunks() -> Iterator[bytes]:
    yield b"x" * 1000
    raise OSError("the source went away")
