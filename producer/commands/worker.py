"""`bydawn worker`: becomes a worker process; it is started, never imported."""

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from jobs.settings import DEFAULT_MODEL
from producer import options
from producer.errors import UserError


def worker(
    model: options.Model = DEFAULT_MODEL,
    store: options.Store = "",
    broker: options.Broker = None,
    device: Annotated[str, typer.Option(envvar="BYDAWN_DEVICE", help="auto, cpu, cuda or cuda:N.")] = "auto",
    concurrency: Annotated[int, typer.Option(envvar="BYDAWN_CONCURRENCY", min=1, max=64, help="Shards.")] = 4,
    log_level: Annotated[str, typer.Option(envvar="BYDAWN_LOG_LEVEL")] = "INFO",
) -> None:
    """Serve one model from the queue until told to stop."""
    if find_spec("torch") is None:
        raise UserError("a worker needs the extra 'worker': in bydawn's folder, pip install '.[worker]'")
    given = {
        "BYDAWN_MODEL": model,
        "BYDAWN_STORE": store,
        "BYDAWN_BROKER_URL": broker,
        "BYDAWN_DEVICE": device,
        "BYDAWN_CONCURRENCY": str(concurrency),
        "BYDAWN_LOG_LEVEL": log_level.upper(),
    }
    os.environ.update({name: value for name, value in given.items() if value})
    # -P: a folder `worker` in the current directory isn't ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "worker"])  # noqa: S606 (our own module, no shell)
