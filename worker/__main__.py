"""`python -m worker`: one worker, until it is told to stop. Exit code 2 where it can't start."""

import logging
import multiprocessing
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import redis
from celery.exceptions import SecurityWarning
from pydantic import ValidationError

from engine import ModelError
from jobs.ledger import Ledger
from jobs.queues import sender
from jobs.stores import ObjectStore, StoreError, open_store
from jobs.validation import own_words
from worker import bootstrap, engine_child
from worker.app import make_app, register, worker_arguments
from worker.engine_life import EngineLife
from worker.engine_process import EngineProcess
from worker.engine_start import Main
from worker.model import Model
from worker.settings import WorkerSettings
from worker.stop_signals import drain_on_signals, end_on_signals


def main(engine_main: Main = engine_child.main) -> int:
    """`engine_main` is what the engine's process runs."""
    end_on_signals()
    try:
        return _run(engine_main)
    finally:
        # A signal may come at any moment, also before anybody has the engine in hand. It ignores what
        # multiprocessing would send it and then wait for.
        for child in multiprocessing.active_children():
            child.kill()


def _run(engine_main: Main) -> int:
    with ExitStack() as stack:
        try:
            settings = WorkerSettings()
            _log_to_stderr(settings.log_level)
            store, ledger = _connect(settings)
            logging.getLogger("worker").info("action=load model=%s", settings.model)
            start_engine = partial(bootstrap.start_engine, settings, engine_main)
            engine = stack.enter_context(closing(start_engine(bootstrap.engine_config(settings))))
            logging.getLogger("worker").info(
                "action=loaded runs_on=%r fingerprint=%s", engine.runs_on, engine.fingerprint
            )
            model = bootstrap.load_model(settings, engine)
            quarantine = partial(
                start_engine, bootstrap.quarantine_config(settings, engine.runs_on, engine.max_model_len)
            )
            # A model may take minutes to load: the store may be away by now.
            bootstrap.publish_model(store, model, settings.model)
        except ValidationError as error:
            return _refuse("; ".join(map(_sentence, error.errors())))
        except (ModelError, StoreError, redis.RedisError) as error:
            return _refuse(str(error))
        _serve(settings, store, ledger, model, quarantine, lambda: engine.life)
    return 0


def _refuse(reason: str) -> int:
    print(f"bydawn worker can't start: {reason}", file=sys.stderr)
    return 2


def _sentence(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {own_words(error)}" if where else own_words(error)


def _connect(settings: WorkerSettings) -> tuple[ObjectStore, Ledger]:
    if not settings.store:
        raise StoreError("BYDAWN_STORE is not set; set it to a folder or to s3://bucket/prefix")
    store = open_store(settings.store, settings.s3)
    store.probe()
    client = settings.redis()
    client.ping()
    return store, Ledger(client)


def _serve(
    settings: WorkerSettings,
    store: ObjectStore,
    ledger: Ledger,
    model: Model,
    start_quarantine: Callable[[], EngineProcess],
    life: Callable[[], EngineLife],
) -> None:
    app = make_app(settings.broker, settings.served_alias)
    worker = bootstrap.build(settings, store, ledger, sender(app), model, start_quarantine, life)
    register(app, worker)
    drain_on_signals(app, worker.drain)
    try:
        worker.start()
        logging.getLogger("worker").info("action=ready model=%s worker=%s", model.alias, settings.worker_id)
        app.worker_main(worker_arguments(model.alias, settings.concurrency, settings.log_level))
    finally:
        worker.close()


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Celery warns of workers that run as root because its messages might be pickles. Ours are JSON only.
    warnings.simplefilter("ignore", SecurityWarning)


if __name__ == "__main__":
    sys.exit(main())
