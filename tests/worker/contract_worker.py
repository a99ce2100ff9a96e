"""`python -m tests.worker.contract_worker URL`: Celery as our worker runs it, with nothing of ours behind it.

It says what Celery tells it, a line each.
"""

import os
import sys
import threading
from typing import cast

from pydantic import SecretStr

from jobs.broker import parse_broker
from worker.app import make_app, register, worker_arguments
from worker.drain import Drain
from worker.stop_signals import drain_on_signals

GOES_ON = threading.Event()


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # at once: two threads' prints may mix within a line


class Handlers:
    """A shard runs until the second signal; the finish breaks."""

    def run_shard(self, job_id: str, shard_no: int) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        say(f"began {shard_no} in {'the main thread' if is_main else 'a thread'}")
        GOES_ON.wait(60)
        say(f"ended {shard_no}")

    def finish(self, job_id: str) -> None:
        say("finish")
        raise RuntimeError


class Signals:
    """In a drain's place."""

    def __init__(self) -> None:
        self._number = 0

    def on_signal(self) -> None:
        self._number += 1
        say(f"signal {self._number}")
        if self._number == 2:
            GOES_ON.set()


if __name__ == "__main__":
    app = make_app(parse_broker(SecretStr(sys.argv[1])), "tiny")
    register(app, Handlers())
    drain_on_signals(app, cast("Drain", Signals()))
    app.worker_main(worker_arguments("tiny", 2, "ERROR"))
