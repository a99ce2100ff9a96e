"""Object stores: where jobs, parts and results live for good."""

from jobs.stores.base import (
    AccessDenied,
    InvalidKey,
    ObjectChanged,
    ObjectMissing,
    ObjectStore,
    StoreError,
    StoreUnavailable,
)
from jobs.stores.local import LocalStore
from jobs.stores.locations import S3Location, parse_location
from jobs.stores.memory import MemoryStore
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access

__all__ = [
    "AccessDenied",
    "InvalidKey",
    "LocalStore",
    "MemoryStore",
    "ObjectChanged",
    "ObjectMissing",
    "ObjectStore",
    "S3Access",
    "StoreError",
    "StoreUnavailable",
    "open_store",
]


def open_store(uri: str, access: S3Access = DEFAULT_ACCESS) -> ObjectStore:
    """The store at `s3://bucket/prefix`, `file:///folder` or a folder's path; nothing is touched yet.

    Raises `InvalidKey` for an address that is neither.
    """
    location = parse_location(uri)
    if not isinstance(location, S3Location):
        return LocalStore(location)
    from jobs.stores.s3 import S3Store  # boto3 takes a third of a second, which folders need not wait for

    return S3Store(location, access)
