"""Object stores: where jobs, parts and results live for good."""

from jobs.stores.base import (
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

__all__ = [
    "InvalidKey",
    "LocalStore",
    "MemoryStore",
    "ObjectChanged",
    "ObjectMissing",
    "ObjectStore",
    "StoreError",
    "StoreUnavailable",
    "open_store",
]


def open_store(
    uri: str,
    *,
    endpoint_url: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
) -> ObjectStore:
    """The store at `s3://bucket/prefix`, `file:///folder` or a folder's path; nothing is touched yet.

    What is None comes from where boto3 looks: `AWS_ENDPOINT_URL_S3`, `AWS_ACCESS_KEY_ID`, a profile, the
    instance. Raises `InvalidKey` for an address that is neither.
    """
    location = parse_location(uri)
    if not isinstance(location, S3Location):
        return LocalStore(location)
    from jobs.stores.s3 import S3Store  # boto3 takes a third of a second, which folders need not wait for
    from jobs.stores.s3_client import S3Access

    return S3Store(location, S3Access(endpoint_url, access_key_id, secret_access_key))
