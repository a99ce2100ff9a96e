"""Names that become parts of object keys, Redis keys and queue names: made here, checked here."""

import re
import secrets
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")


def check_name(name: str) -> str:
    """Return `name` if it may be part of a key.

    Raises:
        ValueError: it may not.
    """
    if _NAME.fullmatch(name) is None or ".." in name:
        raise ValueError(
            f"the name {name[:80]!r} is not usable: names have 1 to 63 of a-z, 0-9, '.', '_' and '-', "
            "start with a letter or digit, and have no '..'"
        )
    return name


Name = Annotated[str, AfterValidator(check_name)]


def new_job_id(now: datetime | None = None) -> str:
    """A job id that sorts by time and that a person can read: `20261123t183005-9f3a61c2`."""
    return f"{now or datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(4)}"


def time_of(job_id: str) -> datetime | None:
    """When a job's id was made, None where it isn't one of ours."""
    try:
        return datetime.strptime(check_name(job_id).partition("-")[0], "%Y%m%dt%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def model_alias(model: str) -> str:
    """The name by which queues know a model: the last part of its folder, file or hub name."""
    last = model.rstrip("/").rsplit("/", 1)[-1].lower().removesuffix(".gguf")
    return usable_name(last) or "model"


def usable_name(text: str, max_chars: int = 63) -> str:
    """What of a text can be a name or the beginning of one; empty if nothing can."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-._")[:max_chars].replace("..", "-")
