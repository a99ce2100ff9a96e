"""Users' inputs where they lie: a local file or folder, or an object or prefix of a bucket."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from jobs.stores.base import ObjectChanged, ObjectMissing, StoreError
from jobs.stores.locations import S3Location, parse_location
from jobs.stores.patterns import is_pattern, pattern_regex, pattern_root
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceRef:
    """One file or object of an input, pinned: `version` is an S3 ETag, or a file's time and size.

    `uri` is `s3://bucket/key`, or a file's absolute path.
    """

    uri: str
    version: str
    size_bytes: int


def list_source(uri: str, access: S3Access = DEFAULT_ACCESS) -> Iterator[SourceRef]:
    """The file or object itself, or all below the folder or prefix, in the store's order of paths.

    An address with a `*` is all that match it. Links to folders are not followed, nor those to files that lie
    elsewhere: whoever may put a link into a folder could have any file read. The first `next` raises
    `ObjectMissing` where nothing has that name.
    """
    if is_pattern(uri):
        yield from _matching(uri, access)
        return
    location = parse_location(uri)
    if isinstance(location, S3Location):
        yield from _list_s3(location, _shared_client(access))
    elif location.is_dir():
        yield from (_file_ref(path) for path in _own_files(location))
    else:
        yield _file_ref(location)


def _matching(pattern: str, access: S3Access) -> Iterator[SourceRef]:
    regex = pattern_regex(pattern)
    found = False
    for ref in list_source(pattern_root(pattern), access):
        if regex.fullmatch(ref.uri):
            found = True
            yield ref
    if not found:
        raise ObjectMissing(
            f"nothing matches {pattern}; only `*` stands for others, for a part of a name, and `**` for "
            "folders, too"
        )


def open_source(uri: str, version: str | None = None, access: S3Access = DEFAULT_ACCESS) -> BinaryIO:
    """A stream over one file or object, in constant memory.

    Raises `ObjectMissing`, and `ObjectChanged` where it is not the version that was recorded.
    """
    location = parse_location(uri)
    if isinstance(location, S3Location):
        from jobs.stores.s3_stream import open_s3

        return cast("BinaryIO", open_s3(_shared_client(access), location, version))
    if version not in (None, _file_ref(location).version):
        raise ObjectChanged(f"{location} has been replaced in the meantime; submit it again")
    with _clear_errors(location):
        return location.open("rb")


def read_source(uri: str, version: str | None = None, access: S3Access = DEFAULT_ACCESS) -> bytes:
    """The bytes of one file or object; raises as `open_source` does."""
    with open_source(uri, version, access) as stream:
        return stream.read()


@cache
def _shared_client(access: S3Access) -> "S3Client":
    """One client for all threads: making one takes longer than reading most documents."""
    from jobs.stores.s3_client import s3_client

    return s3_client(access)


def _list_s3(location: S3Location, client: "S3Client") -> Iterator[SourceRef]:
    from jobs.stores.s3_client import clear_errors

    pages = client.get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=location.key)
    found = False
    with clear_errors(location.uri):
        for page in pages:
            for item in page.get("Contents", []):
                if _belongs(item["Key"], location.key):
                    found = True
                    uri = f"s3://{location.bucket}/{item['Key']}"
                    yield SourceRef(uri, item["ETag"], item["Size"])
    if not found:
        raise ObjectMissing(f"there is nothing at {location.uri}; check the bucket and the prefix")


def _belongs(key: str, asked: str) -> bool:
    """`docs` stands for the object of that name and for what is below `docs/`, not for `docs-old/`."""
    folder = asked if asked.endswith("/") or not asked else f"{asked}/"
    return key == asked or (key.startswith(folder) and not key.endswith("/"))


def _own_files(folder: Path) -> Iterator[Path]:
    """All below the folder, but links that lead out of it; how many these are is said at the end."""
    root = folder.resolve()
    num_left_out = 0
    for path in _files_below(folder):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            num_left_out += 1
        else:
            yield path
    if num_left_out:
        log.warning("%s: left out %d links to files outside of it", folder, num_left_out)


def _files_below(folder: Path) -> Iterator[Path]:
    with _clear_errors(folder), os.scandir(folder) as entries:
        # A folder sorts as its name with the `/`, as the paths below it do.
        found = sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _file_ref(path: Path) -> SourceRef:
    with _clear_errors(path):
        status = path.stat()
    return SourceRef(str(path.absolute()), f"{status.st_mtime_ns}-{status.st_size}", status.st_size)


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ObjectMissing(f"there is nothing at {path}; check the path") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; name a file that this user can read") from error
