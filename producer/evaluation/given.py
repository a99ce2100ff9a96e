"""What a look at the command line's files tells, before packages are imported that take seconds."""

import re
from pathlib import Path

from jobs.readers import check_there
from producer.errors import UserError

_JOB_ID = re.compile(r"\d{8}t\d{6}-[0-9a-f]{8}")


def is_job(results: str) -> bool:
    """Whether a job of the store is meant; a file of that very name goes before."""
    return _JOB_ID.fullmatch(results) is not None and not Path(results).exists()


def check_sources(results: str, *others: str | None) -> None:
    """Raise `InputError` for a local file or folder that isn't there."""
    for source in (None if is_job(results) else results, *others):
        if source is not None:
            check_there(source)


def check_targets(html: Path | None, picture: Path | None) -> None:
    """Raise `UserError` before the work for a file that can't be written after it."""
    if picture is not None and picture.suffix.lower() != ".png":
        raise UserError(f"--picture {picture}: a picture is a .png file")
    for option, path in (("--html", html), ("--picture", picture)):
        if path is not None and not path.parent.is_dir():
            raise UserError(f"{option} {path}: there is no folder {path.parent}; make it first")
