"""A parser that does what a document tells it to, as no parser should."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from jobs.documents import Document
from worker.parse_child import serve


def _spin() -> None:
    while True:
        time.time_ns()


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(bytes(16 << 20))


_DEEDS: dict[bytes, Callable[[], object]] = {
    b"hang": threading.Event().wait,
    b"spin": _spin,
    b"eat": _eat,
    b"abort": os.abort,
    b"segfault": lambda: ctypes.string_at(0),
    b"stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
}


def parse(name: str, body: bytes) -> Document:
    if body in _DEEDS:
        _DEEDS[body]()
    if body.startswith(b"die once: "):
        _die_once(Path(body.decode().removeprefix("die once: ")))
    if body == b"environment":
        return Document("\n".join(os.environ))
    return Document(f"{os.getpid()} {name} {len(body)}")


def _die_once(marker: Path) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve(parse)
