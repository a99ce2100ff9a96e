"""A state folder that was made for nothing goes again, and no other one does."""

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from jobs.readers import InputError
from jobs.stores import LocalStore
from producer.errors import ServiceDiedError, UserError
from producer.state_folder import locked


def _refused(state: Path, error: Exception, key: str = "models/tiny.json") -> None:
    with suppress(type(error)), locked(state) as store:
        LocalStore(store).put(key, b"")
        (state / "worker.log").touch()
        raise error


@pytest.mark.parametrize("error", [UserError("no such model"), InputError("in:3", "a broken line")])
def test_what_was_made_for_a_run_that_is_refused_goes_again(error: Exception, tmp_path: Path) -> None:
    _refused(tmp_path / "new" / "out" / ".bydawn", error)
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "note.txt").touch()
    _refused(tmp_path / "out" / ".bydawn", UserError())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["note.txt"]
    (tmp_path / "out" / ".bydawn").mkdir()
    _refused(tmp_path / "out" / ".bydawn", UserError())
    assert (tmp_path / "out" / ".bydawn" / "worker.log").exists()


def test_a_folder_with_a_job_stays_to_be_gone_on_with(tmp_path: Path) -> None:
    _refused(tmp_path / "out", UserError(), key="jobs/20260101t000000-00000001/manifest.json")
    assert (tmp_path / "out" / "store" / "jobs").exists()


@pytest.mark.parametrize("error", [ServiceDiedError("see the log"), KeyError("a bug")])
def test_the_logs_of_what_nobody_can_explain_stay(error: Exception, tmp_path: Path) -> None:
    _refused(tmp_path / "out", error)
    assert (tmp_path / "out" / "worker.log").exists()


def test_a_run_that_finds_the_folder_taken_leaves_it_to_its_holder(tmp_path: Path) -> None:
    state = tmp_path / "out"
    refused: list[str] = []

    def run() -> None:
        try:
            with locked(state):
                raise AssertionError("it is taken")
        except UserError as error:
            refused.append(str(error))

    with locked(state):
        other = threading.Thread(target=run)
        other.start()
        other.join()
    assert "another `bydawn run`" in refused[0]
    assert (state / "lock").exists()
