"""Copy a finished job's outputs from the store to a folder, and lose nobody's results by it."""

import shutil
from pathlib import Path

from pydantic import BaseModel, ValidationError

from jobs import layout
from jobs.manifest import JobState, Report, ResultFormat
from jobs.names import Name
from jobs.stores import ObjectStore
from producer.errors import UserError

_REPORT = "report.json"
_OUTPUTS = [*(f"results.{result_format}" for result_format in ResultFormat), "errors.jsonl"]
_MARKERS = [state.marker for state in JobState if state is not JobState.RUNNING]


class _Named(BaseModel):
    """What of a report says whose it is."""

    job_id: Name


def refuse_other_results(out: Path, job_id: str | None, overwrite: bool) -> None:
    """Raise UserError if `out` holds what `job_id` may not replace; None is a job that is still to be made.

    Another job's results are replaced where that is asked for, what is of no job of ours never.
    """
    there = [name for name in (*_OUTPUTS, _REPORT) if (out / name).exists()]
    if not there:
        return
    if (earlier := _job_in(out)) is None:
        raise UserError(f"{out / there[0]} is not of a bydawn job; choose another --out, or move it away")
    if earlier != job_id and not overwrite:
        raise UserError(
            f"{out} holds the results of another job, {earlier}; choose another --out, or replace them with "
            "--overwrite"
        )


def export(store: ObjectStore, report: Report, out: Path, overwrite: bool = False) -> Path:
    """Write results, errors, report and marker; returns the results' path.

    Each file is whole or not there, and what an earlier job left under these names goes.

    Raises:
        UserError: `refuse_other_results` does, or the folder can't be used.
    """
    refuse_other_results(out, report.job_id, overwrite)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} can't be the results' folder: {error.strerror}") from error
    for name in (*_MARKERS, *_OUTPUTS):
        (out / name).unlink(missing_ok=True)
    # The report first: should this be broken off, it tells whose the results are.
    keys = [layout.report(report.job_id), report.results, report.errors]
    for key in filter(None, keys):
        _copy(store, key, out / key.rsplit("/", 1)[-1])
    # The marker last: it tells that the others are there.
    (out / report.state.marker).touch()
    return out / report.results.rsplit("/", 1)[-1]


def _job_in(out: Path) -> str | None:
    try:
        return _Named.model_validate_json((out / _REPORT).read_bytes()).job_id
    except (OSError, ValidationError):
        return None


def _copy(store: ObjectStore, key: str, target: Path) -> None:
    draft = target.with_name(f".{target.name}.part")
    with store.open(key) as source, draft.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    draft.replace(target)
