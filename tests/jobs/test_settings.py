"""Settings come from the environment and keep their secrets to themselves."""

import pytest
from pydantic import ValidationError

from jobs.settings import Settings
from worker.settings import WorkerSettings

URL = "redis://user:hunter2@queue.example:6380/3"


@pytest.mark.parametrize("settings", [Settings, WorkerSettings])
def test_a_password_in_the_broker_url_is_in_no_repr_no_dump_and_no_error(
    settings: type[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYDAWN_BROKER_URL", URL)
    read = settings()
    shown = [repr(read), str(read), str(read.model_dump()), read.model_dump_json(), repr(read.redis())]
    monkeypatch.setenv("BYDAWN_MODEL", "")
    with pytest.raises(ValidationError) as refused:
        settings()
    shown.append(str(refused.value))
    assert not any("hunter2" in text for text in shown)
    assert read.broker_url.get_secret_value() == URL


def test_a_client_waits_for_redis_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_BROKER_URL", URL)
    options = Settings().redis().connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["db"]) == ("queue.example", 6380, 3)
    assert options["socket_timeout"] > 0
    assert options["socket_connect_timeout"] > 0


def test_the_environment_decides_and_nothing_changes_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_MODEL", "org/Tiny-Model")
    monkeypatch.setenv("BYDAWN_CONCURRENCY", "2")
    settings = WorkerSettings()
    assert settings.served_alias == "tiny-model"
    assert settings.concurrency == 2
    assert settings.worker_id == settings.worker_id
    assert WorkerSettings().worker_id != settings.worker_id
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, "model", "other")  # noqa: B010 (the type checker refuses it, too)


def test_an_alias_that_is_no_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_ALIAS", "../up")
    with pytest.raises(ValidationError, match="not usable"):
        WorkerSettings()


def test_a_worker_runs_on_the_device_that_is_named_and_refuses_a_name_that_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BYDAWN_DEVICE", "cuda:3")
    assert WorkerSettings().device == "cuda:3"
    monkeypatch.setenv("BYDAWN_DEVICE", "cuda3")
    with pytest.raises(ValidationError, match="use auto, cpu, cuda, or cuda:N"):
        WorkerSettings()
