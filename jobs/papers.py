"""Read a job's papers from the store."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from jobs import layout
from jobs.manifest import FORMAT, Manifest, Report, ServedModel
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import ObjectStore
from jobs.validation import in_one_line

PaperT = TypeVar("PaperT", bound=BaseModel)


class _Format(BaseModel):
    """What can be read of a paper of any version."""

    format: int = FORMAT


class NoSuchJobError(Exception):
    """There is no job of that id in the store."""


def read_manifest(store: ObjectStore, job_id: str) -> Manifest:
    """Read what a job is.

    Raises:
        NoSuchJobError: no such job.
        NewerFormatError: a newer version wrote it.
        CorruptObjectError: it can't be read.
    """
    try:
        manifest = read_paper(store, _key(layout.manifest, job_id), Manifest)
    except CorruptObjectError as error:
        raise CorruptObjectError(f"{error}; `bydawn rm {job_id}` removes the job") from error
    if manifest is None:
        raise NoSuchJobError(
            f"there is no job {job_id!r} in {store.uri}; `bydawn jobs` lists those there are"
        )
    return manifest


def read_report(store: ObjectStore, job_id: str) -> Report | None:
    """How a job ended, None while it hasn't. Raises NoSuchJobError for what can't be a job's id."""
    return read_paper(store, _key(layout.report, job_id), Report)


def read_served_model(store: ObjectStore, alias: str) -> ServedModel | None:
    """What workers of an alias serve, None if none has ever served it on this store."""
    return read_paper(store, layout.model(alias), ServedModel)


def _key(make: Callable[[str], str], job_id: str) -> str:
    try:
        return make(job_id)
    except ValueError as error:
        raise NoSuchJobError(
            f"{job_id[:80]!r} is not a job's id; `bydawn jobs` lists those there are"
        ) from error


def read_paper(store: ObjectStore, key: str, paper: type[PaperT]) -> PaperT | None:
    """The paper under a key, None if there is none. Raises NewerFormatError and CorruptObjectError."""
    if (body := store.get(key)) is None:
        return None
    try:
        if (written_by := _Format.model_validate_json(body).format) > FORMAT:
            raise NewerFormatError(
                f"{key} has format {written_by}, and this bydawn reads up to {FORMAT}: use the newer version "
                "that wrote it"
            )
        return paper.model_validate_json(body)
    except ValidationError as error:
        raise CorruptObjectError(f"{key} in {store.uri} can't be read: {in_one_line(error)}") from error
