"""`python -m tests.crash.slow_loader FILE`: a worker whose model loads for ever, which begins with FILE."""

import signal
import sys
import threading
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from engine import EngineConfig
from worker.__main__ import main


def load(pipe: Connection, config: EngineConfig, *, loading: str) -> None:
    """What the engine's process runs, as deaf to signals as the real one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    Path(loading).touch()
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main(partial(load, loading=sys.argv[1])))
