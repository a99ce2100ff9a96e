"""Open the store, the ledger and the queue that the environment or flags name, or say what is missing."""

from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery

from jobs import queues
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.stores import ObjectStore, StoreError, open_store
from producer.errors import UserError


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a producer's work goes."""

    store: ObjectStore
    ledger: Ledger
    dispatcher: Dispatcher
    allowed_sources: tuple[str, ...] = ()


def connect(settings: Settings) -> Connection:
    """Check that both services answer; raises UserError with the remedy."""
    return connect_queue(settings, connect_store(settings))


def connect_queue(settings: Settings, store: ObjectStore) -> Connection:
    """As `connect`, for a store that has answered."""
    ledger = connect_ledger(settings)
    dispatcher = Dispatcher(ledger, queues.sender(_make_app(settings)))
    return Connection(store, ledger, dispatcher, settings.allowed_sources)


def connect_store(settings: Settings) -> ObjectStore:
    if not settings.store:
        raise UserError(
            "no store is named: set BYDAWN_STORE (or --store) to a folder or to s3://bucket/prefix"
        )
    try:
        store = open_store(settings.store, settings.s3)
        store.exists("probe")
    except StoreError as error:
        raise UserError(str(error)) from error
    return store


def connect_ledger(settings: Settings) -> Ledger:
    try:
        client = settings.redis()
        client.ping()
    except redis.RedisError as error:
        raise UserError(
            f"no Redis answers at {settings.broker.shown} ({error}); start one and set BYDAWN_BROKER_URL, "
            "or use `bydawn run`, which brings its own"
        ) from error
    return Ledger(client)


def _make_app(settings: Settings) -> Celery:
    app = Celery("bydawn", set_as_current=False)
    app.conf.update(queues.celery_options(settings.broker))
    return app


def settings_from(store: str, broker_url: str | None) -> Settings:
    """The environment's settings, with what flags say above them."""
    given: dict[str, Any] = {"store": store, "broker_url": broker_url}
    return Settings(**{name: value for name, value in given.items() if value})
