"""The state folder of `bydawn run`: its store and logs, locked while in use."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs import layout
from jobs.papers import read_manifest
from jobs.readers import InputError
from jobs.stores import LocalStore, ObjectStore
from producer.errors import ServiceDiedError, UserError


@contextmanager
def locked(state: Path) -> Iterator[Path]:
    """Hold the folder; the lock ends with this process, however that ends. Yields the store's path.

    A folder that is made for it goes again if the block refuses what it was given, and has made no job of it.
    """
    made = [each for each in (state, *state.parents) if not each.exists()]
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state / "lock").open("a")
    except OSError as error:
        raise UserError(f"the state folder {state} can't be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another `bydawn run` uses the state folder {state}; wait for it, or choose another --out"
            ) from error
        # Not before the lock is ours: the folder may be another run's by now.
        try:
            yield state / "store"
        except (UserError, InputError) as error:
            if made and not isinstance(error, ServiceDiedError):
                _remove_unless_used(state, made)
            raise


def _remove_unless_used(state: Path, made: list[Path]) -> None:
    if any(LocalStore(state / "store").list(layout.JOBS_PREFIX)):
        return
    shutil.rmtree(state)
    with suppress(OSError):  # somebody has put something there meanwhile
        for parent in made[1:]:
            parent.rmdir()


def refuse_other_open_jobs(store: ObjectStore, state: Path, job_id: str) -> None:
    """One unfinished job a folder: a second one would have to wait for it, unseen."""
    for key in store.list(layout.OPEN_PREFIX):
        if (other := key.removeprefix(layout.OPEN_PREFIX)) != job_id:
            manifest = read_manifest(store, other)
            raise UserError(
                f"{state} holds an unfinished job ({manifest.spec.kind} {manifest.source}): give that "
                "command again to finish it, choose another --out, or delete the folder to drop it"
            )
