"""Which keys a store accepts."""

from jobs.stores.base import InvalidKey

MAX_KEY_BYTES = 1024  # S3's limit
RESERVED_FOLDER = ".incomplete"  # where the local store writes objects that are not whole yet


def checked_key(key: str) -> str:
    """The key itself; raises `InvalidKey` where it is not a plain relative path of UTF-8 text."""
    if (fault := _fault_in(key)) is not None:
        raise InvalidKey(
            f"the object key {key!r} {fault}; allowed are relative paths of printable text such as "
            f"'jobs/0192/manifest.json', up to {MAX_KEY_BYTES} bytes: rename it"
        )
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself; raises `InvalidKey` where no valid key could start like that."""
    if prefix:
        checked_key(prefix.removesuffix("/"))
    return prefix


def _fault_in(key: str) -> str | None:
    segments = key.split("/")
    try:
        key_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    if "" in segments:
        return "is empty, absolute or has an empty segment"
    if "." in segments or ".." in segments:
        return "has a '.' or '..' segment"
    if "\\" in key:
        return "has a backslash, which some stores take for '/'"
    if any(ord(char) < 32 or ord(char) == 127 for char in key):
        return "has control characters"
    if segments[0] == RESERVED_FOLDER:
        return f"lies in {RESERVED_FOLDER!r}, which is the store's own"
    if key_bytes > MAX_KEY_BYTES:
        return f"is {key_bytes} bytes long"
    return None
