"""A folder as an object store, durable against `kill -9` and power cuts."""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from jobs.stores.base import ObjectMissing, StoreError, StoreUnavailable
from jobs.stores.durable import make_folder, sync_folder
from jobs.stores.keys import RESERVED_FOLDER, checked_key, checked_prefix
from jobs.stores.probing import prove_conditional_create

NO_SUCH_FILE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
REMEDIES = {
    errno.EACCES: "give this user read and write access to the folder, or name another",
    errno.EPERM: "name a folder that this user may write to, on a file system that has hard links",
    errno.EOPNOTSUPP: "name a folder on a file system that has hard links",
    errno.EROFS: "the file system is read-only: name a folder on another",
    errno.EISDIR: "a folder is where the object's file should be: rename one of them",
    errno.ENOTDIR: "a file is where a folder should be: rename one of them",
    errno.EEXIST: "a file is where a folder should be: rename one of them",
    errno.ENAMETOOLONG: "use shorter names",
}

_LOCK = "delete.lock"


class LocalStore:
    """Objects as files under a folder, which is made when the first of them is written.

    An object is written and synced under `.incomplete/` and then appears under its key in one step; a
    killed process leaves at most a file there, which is in no listing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().resolve()
        self.uri = self._folder.as_uri()

    def get(self, key: str) -> bytes | None:
        try:
            with self.open(key) as stream, self._clear_errors(key):
                return stream.read()
        except ObjectMissing:
            return None

    def open(self, key: str) -> BinaryIO:
        path = self._path(key)
        try:
            with self._clear_errors(key):
                return path.open("rb")
        except StoreError as error:
            if isinstance(error.__cause__, NO_SUCH_FILE):
                raise ObjectMissing(f"{self.uri} has no object {key!r}") from error
            raise

    def put(self, key: str, body: bytes) -> None:
        self.upload(key, [body])

    def create(self, key: str, body: bytes) -> bool:
        path = self._path(key)
        with self._draft(key) as draft:
            self._write(draft, [body], key)
            with self._clear_errors(key):
                make_folder(path.parent)
                try:
                    os.link(draft, path)
                except FileExistsError:
                    # A network file system may have lost the answer to a link that it made.
                    return draft.stat().st_nlink == 2
                sync_folder(path.parent)
        return True

    def upload(self, key: str, chunks: Iterable[bytes]) -> int:
        path = self._path(key)
        with self._draft(key) as draft:
            size_bytes = self._write(draft, chunks, key)
            with self._clear_errors(key):
                make_folder(path.parent)
                draft.replace(path)
                sync_folder(path.parent)
        return size_bytes

    def exists(self, key: str) -> bool:
        with self._clear_errors(key):
            return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        checked_prefix(prefix)
        parent, slash, _ = prefix.rpartition("/")
        return (key for key in self._walk(parent + slash) if key.startswith(prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        with self._clear_errors(prefix):
            names = _names_in(self._folder / checked_prefix(prefix))
        folders = (name for name in names if name.endswith("/"))
        # An empty folder is what is left of removed objects.
        return (name.removesuffix("/") for name in folders if any(self._walk(prefix + name)))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path(key)
            with self._clear_errors(key):
                if path.is_file():
                    path.unlink(missing_ok=True)

    def delete_if(self, key: str, body: bytes) -> None:
        with self._one_at_a_time(key):
            if self.get(key) == body:
                self.delete([key])

    def probe(self) -> None:
        prove_conditional_create(self)

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    def _walk(self, parent: str) -> Iterator[str]:
        """Keys under a folder, in order; a folder sorts as its name with the `/`, as its keys do."""
        with self._clear_errors(parent):
            names = _names_in(self._folder / parent)
        for name in names:
            if not name.endswith("/"):
                yield parent + name
            elif parent + name != f"{RESERVED_FOLDER}/":
                yield from self._walk(parent + name)

    @contextmanager
    def _one_at_a_time(self, key: str) -> Iterator[None]:
        """Among all processes; who dies in it lets the next one in."""
        with self._clear_errors(key):
            make_folder(self._folder / RESERVED_FOLDER)
            lock = (self._folder / RESERVED_FOLDER / _LOCK).open("ab")
        with lock:
            with self._clear_errors(key):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _draft(self, key: str) -> Iterator[Path]:
        folder = self._folder / RESERVED_FOLDER
        with self._clear_errors(key):
            make_folder(folder)
        draft = folder / uuid4().hex
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _write(self, draft: Path, chunks: Iterable[bytes], key: str) -> int:
        """Write and sync; only what the file system raises becomes a `StoreError`, not what `chunks` does."""
        size_bytes = 0
        with self._clear_errors(key):
            file = draft.open("xb")
        try:
            for chunk in chunks:
                with self._clear_errors(key):
                    size_bytes += file.write(chunk)
            with self._clear_errors(key):
                file.flush()
                os.fsync(file.fileno())
        finally:
            with self._clear_errors(key):
                file.close()  # which writes once more what a full disk didn't take
        return size_bytes

    @contextmanager
    def _clear_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{self.uri}, {key!r}: {error.strerror}"
            if (remedy := REMEDIES.get(error.errno or 0)) is not None:
                raise StoreError(f"{what}; {remedy}") from error
            raise StoreUnavailable(f"{what}; free some space, or see to the disk") from error


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries)
    except NO_SUCH_FILE:
        return []
