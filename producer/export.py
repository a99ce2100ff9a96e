"""Copy a finished job's outputs from the store to a folder."""

import shutil
from pathlib import Path

from jobs import layout
from jobs.manifest import JobState, Report, ResultFormat
from jobs.stores import ObjectStore
from producer.errors import UserError

_ENDS = [state for state in JobState if state is not JobState.RUNNING]
RESULTS = [f"results.{result_format}" for result_format in ResultFormat]


def export(store: ObjectStore, report: Report, out: Path) -> Path:
    """Write results, errors, report and marker; returns the results' path.

    Each file is whole or not there, and what an earlier job left under these names goes.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} can't be the results' folder: {error.strerror}") from error
    for name in ("errors.jsonl", *RESULTS, *(state.marker for state in _ENDS)):
        (out / name).unlink(missing_ok=True)
    keys = [report.results, report.errors, layout.report(report.job_id)]
    for key in filter(None, keys):
        _copy(store, key, out / key.rsplit("/", 1)[-1])
    # The marker last: it tells that the others are there.
    (out / report.state.marker).touch()
    return out / report.results.rsplit("/", 1)[-1]


def _copy(store: ObjectStore, key: str, target: Path) -> None:
    draft = target.with_name(f".{target.name}.part")
    with store.open(key) as source, draft.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    draft.replace(target)
