"""Copy a finished job's outputs from the store to a folder, and lose nobody's results by it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jobs import layout
from jobs.manifest import JobState, Report, ResultFormat
from jobs.names import Name
from jobs.stores import ObjectStore
from producer.errors import UserError

_REPORT = "report.json"
RESULTS = tuple(f"results.{result_format}" for result_format in ResultFormat)
_OUTPUTS = (*RESULTS, "errors.jsonl")
_MARKERS = tuple(dict.fromkeys(state.marker for state in JobState if state is not JobState.RUNNING))


class _Earlier(BaseModel):
    """What of a report says which files are its job's."""

    job_id: Name
    state: JobState
    results: str
    errors: str | None

    @property
    def files(self) -> set[str]:
        outputs = {_file_name(key) for key in (self.results, self.errors) if key is not None}
        return {self.state.marker, _REPORT} | (outputs & set(_OUTPUTS))


def refuse_other_results(out: Path, job_id: str | None, overwrite: bool) -> None:
    """Raise UserError if `out` holds what `job_id` may not replace; None is a job that is still to be made.

    Another job's results are replaced where that is asked for, what is of no job of ours never.
    """
    earlier = _earlier_in(out)
    ours = set() if earlier is None else earlier.files
    for name in (*_OUTPUTS, _REPORT, *_MARKERS):
        if name not in ours and (out / name).exists():
            raise UserError(f"{out / name} is not of a bydawn job; choose another --out, or move it away")
    if earlier is not None and earlier.job_id != job_id and not overwrite:
        raise UserError(
            f"{out} holds the results of another job, {earlier.job_id}; choose another --out, or replace "
            "them with --overwrite"
        )


def export(store: ObjectStore, report: Report, out: Path, overwrite: bool = False) -> Path:
    """Write results, errors, report and marker; returns the results' path.

    Each file is whole or not there. What an earlier job left goes, and not before all that comes is here.

    Raises:
        UserError: `refuse_other_results` does, or the folder can't be used.
    """
    refuse_other_results(out, report.job_id, overwrite)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} can't be the results' folder: {error.strerror}") from error
    # The report first: should this be broken off, it tells whose the results are.
    keys = [layout.report(report.job_id), report.results, report.errors]
    with _drafts(store, [key for key in keys if key is not None], out) as drafts:
        _remove_earlier(out)
        for name, draft in drafts.items():
            draft.replace(out / name)
    # The marker last: it tells that the others are there.
    (out / report.state.marker).touch()
    return out / _file_name(report.results)


def _earlier_in(out: Path) -> _Earlier | None:
    try:
        return _Earlier.model_validate_json((out / _REPORT).read_bytes())
    except (OSError, ValidationError):
        return None


def _remove_earlier(out: Path) -> None:
    if (earlier := _earlier_in(out)) is None:
        return
    # The marker first, for it says that the rest is whole; the report last, for it says whose that is.
    for name in sorted(earlier.files, key=[*_MARKERS, *_OUTPUTS, _REPORT].index):
        (out / name).unlink(missing_ok=True)


@contextmanager
def _drafts(store: ObjectStore, keys: list[str], out: Path) -> Iterator[dict[str, Path]]:
    """Copies beside what they are to be, by its name; none is left behind."""
    drafts = {_file_name(key): out / f".{_file_name(key)}.part" for key in keys}
    try:
        for key in keys:
            with store.open(key) as source, drafts[_file_name(key)].open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        yield drafts
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _file_name(key: str) -> str:
    return key.rsplit("/", 1)[-1]
