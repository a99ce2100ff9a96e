"""Which sources a worker may read: those below the store, or below a prefix that its operator allows."""

from collections.abc import Iterable

from jobs.stores.base import InvalidKey
from jobs.stores.locations import S3Location, parse_location

REMEDY = "allow it with BYDAWN_ALLOWED_SOURCES=s3://bucket/prefix, on workers and where jobs are submitted"


def check_prefix(prefix: str) -> str:
    """The prefix itself; raises ValueError where it names no bucket."""
    try:
        location = parse_location(prefix)
    except InvalidKey as error:
        raise ValueError(str(error)) from error
    if not isinstance(location, S3Location):
        raise ValueError("a source is allowed as s3://bucket/prefix; files are copied into the store")
    return prefix


def is_allowed(uri: str, prefixes: Iterable[str]) -> bool:
    """Whether an object lies at or below one of the prefixes: `docs` holds `docs/a`, and not `docs-old/a`."""
    try:
        asked = parse_location(uri)
    except InvalidKey:
        return False
    holders = (parse_location(prefix) for prefix in prefixes if prefix.startswith("s3://"))
    return isinstance(asked, S3Location) and any(_holds(holder, asked) for holder in holders)


def _holds(holder: object, asked: S3Location) -> bool:
    if not isinstance(holder, S3Location) or holder.bucket != asked.bucket:
        return False
    folder = holder.key.rstrip("/")
    return not folder or asked.key == folder or asked.key.startswith(f"{folder}/")
