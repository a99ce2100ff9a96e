"""The process that parses documents: a bomb, a hang or a native crash here costs the worker one row."""

import json
import logging
import math
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from jobs.documents import Document, DocumentError, parse_document

OUT_OF_MEMORY = b"null"
_CPU_GRACE_S = 5


def serve(parse: Callable[[str, bytes], Document] = parse_document) -> None:
    """Answer each name and body on the pipe with JSON, until its other end is gone.

    Not pickle: who breaks out of a parser must not get into the worker by what it answers.
    """
    pipe_fd, limit_s, memory_bytes = map(int, sys.argv[1:])
    _prepare(memory_bytes)
    threading.Thread(target=_die_with_the_worker, args=(pipe_fd,), daemon=True).start()
    pipe = Connection(pipe_fd)
    with suppress(EOFError):
        while True:
            name, body = pipe.recv_bytes().decode(), pipe.recv_bytes()
            _limit_cpu(limit_s)
            pipe.send_bytes(_answer(parse, name, body))


def _answer(parse: Callable[[str, bytes], Document], name: str, body: bytes) -> bytes:
    try:
        document = parse(name, body)
        return _encoded(text=document.text, page_starts=document.page_starts)
    except DocumentError as error:
        return _encoded(code=error.code, message=str(error))
    except MemoryError:
        return OUT_OF_MEMORY


def _encoded(**answer: str | tuple[int, ...]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode(errors="replace")


def _prepare(memory_bytes: int) -> None:
    # A terminal's Ctrl-C and a container's stop reach us too, but when to end is the worker's decision.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.disable()  # libraries quote what they read
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with suppress(OSError):  # where memory runs out all the same, the kernel is to choose us, not the worker
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit_cpu(limit_s: int) -> None:
    """For a native loop that lets no other thread run: its worker kills it, unless that is dead itself."""
    _, hard_limit_s = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError):  # above a hard limit that somebody set: that one holds
        resource.setrlimit(
            resource.RLIMIT_CPU, (math.ceil(time.process_time()) + limit_s + _CPU_GRACE_S, hard_limit_s)
        )


def _die_with_the_worker(pipe_fd: int) -> None:
    """The main thread sees the pipe's end only between two documents."""
    hangup = select.poll()
    hangup.register(pipe_fd, 0)  # which is told whatever is asked for
    hangup.poll()
    os._exit(1)


if __name__ == "__main__":
    serve()
