"""What only a folder can get wrong."""

import errno
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from jobs.stores import LocalStore, StoreError, open_store

ENDLESS_UPLOAD = """
import itertools, sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from jobs.stores import LocalStore

def chunks():
    yield b"half of it"
    print("writing", flush=True)
    sys.stdin.read()

LocalStore(Path(sys.argv[1])).upload("results", chunks())
"""


def test_a_killed_upload_leaves_nothing_that_is_listed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENDLESS_UPLOAD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        os.kill(process.pid, signal.SIGKILL)
    store = LocalStore(tmp_path)
    assert list(store.list("")) == []
    assert store.create("results", b"whole")


def test_an_object_whose_key_is_another_objects_folder_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"")
    store.put("c", b"")
    for key in ("a", "c/d"):
        with pytest.raises(StoreError, match="rename one of them"):
            store.put(key, b"")
    assert list(store.list("")) == ["a/b", "c"]


def test_a_file_in_the_folders_place_gives_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(StoreError, match="a file is where a folder should be"):
        LocalStore(tmp_path / "store").probe()


def test_a_name_that_is_too_long_for_the_file_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="use shorter names"):
        LocalStore(tmp_path).put("x" * 300, b"")


def test_a_folder_of_any_name_is_found_again_by_its_uri(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "50% über #1?")
    store.put("a", b"body")
    assert open_store(store.uri).get("a") == b"body"
    assert open_store(str(tmp_path / "50% über #1?")).get("a") == b"body"


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    assert store.get("a") is None
    assert list(store.list("")) == []
    assert not (tmp_path / "store").exists()


def test_a_folder_sorts_as_s3_sorts_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for key in ("a/b", "a.txt", "a-1", "a0"):
        store.put(key, b"")
    assert list(store.list("")) == ["a-1", "a.txt", "a/b", "a0"]


def test_a_link_whose_answer_the_file_system_lost_counts_as_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def link_and_lose_the_answer(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "exists")

    store = LocalStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link_and_lose_the_answer)
        assert store.create("part", b"mine")
    assert not store.create("part", b"mine")


class _SlowReader(LocalStore):
    """It has read an object, and sleeps before it does anything with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.has_read, self.may_go_on = threading.Event(), threading.Event()

    def get(self, key: str) -> bytes | None:
        body = super().get(key)
        self.has_read.set()
        assert self.may_go_on.wait(10)
        return body


def test_what_is_created_where_another_removes_an_older_object_stays(tmp_path: Path) -> None:
    slow, store = _SlowReader(tmp_path), LocalStore(tmp_path)
    store.put("a", b"old")

    def replace() -> bool:
        store.delete_if("a", b"old")
        return store.create("a", b"new")

    with ThreadPoolExecutor() as pool:
        removed = pool.submit(slow.delete_if, "a", b"old")
        assert slow.has_read.wait(10)
        replaced = pool.submit(replace)
        wait([replaced], timeout=0.2)  # for what must not happen
        slow.may_go_on.set()
        removed.result()
        assert replaced.result()
    assert store.get("a") == b"new"
