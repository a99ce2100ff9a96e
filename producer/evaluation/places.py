"""Where results lie: a file, the folder of a run, or a job of a store."""

from dataclasses import dataclass
from pathlib import Path

from jobs.papers import read_manifest, read_report
from jobs.settings import Settings
from jobs.spec import SummarizeSpec
from jobs.stores import ObjectMissing, ObjectStore
from jobs.stores.locations import parse_location
from jobs.stores.s3_access import S3Access
from jobs.stores.source import open_source
from producer.connection import connect_store
from producer.errors import UserError
from producer.evaluation.given import is_job
from producer.export import RESULTS

_ERRORS = "errors.jsonl"


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses of a job's results and of its rows that aren't ok; `max_words` where the job is known."""

    results: str
    errors: str | None
    max_words: int | None = None


def find_results(given: str, settings: Settings) -> Place:
    """Raises `UserError` for a folder or a job without results."""
    if is_job(given):
        return _of_job(connect_store(settings), given)
    location = parse_location(given)
    if isinstance(location, Path) and location.is_dir():
        given = str(_in_folder(location))
    return Place(given, _errors_beside(given, settings.s3))


def _in_folder(folder: Path) -> Path:
    found = next((folder / name for name in RESULTS if (folder / name).is_file()), None)
    if found is None:
        raise UserError(f"{folder} holds no results ({', '.join(RESULTS)}); a run writes them when it ends")
    return found


def _errors_beside(results: str, access: S3Access) -> str | None:
    """Only beside a file of the name that jobs give: another one may lie beside a job's results, too."""
    folder, slash, name = results.rpartition("/")
    if name not in RESULTS:
        return None
    errors = f"{folder}{slash}{_ERRORS}"
    try:
        with open_source(errors, access=access) as stream:
            return errors if stream.read(1) else None
    except ObjectMissing:
        return None


def _of_job(store: ObjectStore, job_id: str) -> Place:
    spec = read_manifest(store, job_id).spec
    if (report := read_report(store, job_id)) is None:
        raise UserError(f"{job_id} has not ended yet; `bydawn status {job_id} --watch` waits for it")
    return Place(
        results=f"{store.uri}/{report.results}",
        errors=None if report.errors is None else f"{store.uri}/{report.errors}",
        max_words=spec.max_words if isinstance(spec, SummarizeSpec) else None,
    )
