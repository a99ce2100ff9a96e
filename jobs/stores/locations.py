"""What an address names: a bucket with a prefix, or a folder."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from jobs.stores.base import InvalidKey
from jobs.stores.keys import checked_prefix

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ALLOWED = "allowed are s3://bucket/prefix, file:///folder and a folder's path"


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a key or prefix in it, without a leading `/`."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")


def parse_location(uri: str) -> S3Location | Path:
    """Read an address; raises `InvalidKey` for any other scheme, bad bucket names and keys that climb."""
    if (address := ADDRESS.fullmatch(uri)) is None:
        return _parse_path(uri)
    scheme, rest = address.groups()
    if scheme == "s3":
        return _parse_s3(rest)
    if scheme == "file":
        return _parse_path(_file_path(uri))
    raise InvalidKey(f"an address cannot start with {scheme!r}; {ALLOWED}")


def _parse_s3(rest: str) -> S3Location:
    bucket, _, key = rest.partition("/")
    if "@" in bucket:  # what stands before it may be a secret, so it is not repeated
        raise InvalidKey("an s3:// address must not hold credentials; set AWS_ACCESS_KEY_ID and its secret")
    if not BUCKET_NAME.fullmatch(bucket):
        raise InvalidKey(f"{bucket!r} is not a bucket's name (3 to 63 of a-z, 0-9, '.', '-'); {ALLOWED}")
    return S3Location(bucket, checked_prefix(key))


def _file_path(uri: str) -> str:
    try:
        return url2pathname(urlsplit(uri).path)
    except ValueError as error:  # a bracket that is not closed, for one
        raise InvalidKey(f"{uri!r} is not a file's address ({error}); {ALLOWED}") from error


def _parse_path(path: str) -> Path:
    if not path or "\0" in path:
        raise InvalidKey(f"{path!r} is not a path; {ALLOWED}")
    return Path(path)
