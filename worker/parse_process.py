"""One parser's process as its worker sees it: a document goes in, an answer comes out in time or never."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing import Pipe

from worker.parse_child import OUT_OF_MEMORY

# The child has no use for what else is in the environment, credentials above all.
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Of one document: seconds on the clock, and bytes of address space for the process that parses it."""

    time_s: int = 60
    memory_bytes: int = 1 << 30

    @property
    def document_bytes(self) -> int:
        """A file takes several times its size to parse."""
        return self.memory_bytes // 4


class ParserDied(Exception):
    """The process ended with the document in it; the document may be blameless."""


class LimitBroken(Exception):
    """The document takes more than it may; the message says of what, and which setting allows more."""


class ParserProcess:
    """Runs a module that calls `parse_child.serve`; a fork would inherit Celery's threads and locks."""

    def __init__(self, module: str, limits: ParseLimits) -> None:
        self._limits = limits
        self._late = threading.Event()
        self._pipe, theirs = Pipe()
        arguments = [str(theirs.fileno()), str(limits.time_s), str(limits.memory_bytes)]
        with theirs:  # closed here, so that its death is an end of file for us
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        return not self._late.is_set() and self._process.poll() is None

    def ask(self, name: str, body: bytes) -> bytes:
        """The answer of `parse_child`. Raises LimitBroken or ParserDied; the process is gone then."""
        # A timer, not a poll for the answer: the process may stop in the middle of reading or writing.
        timer = threading.Timer(self._limits.time_s, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            self._pipe.send_bytes(name.encode(errors="replace"))
            self._pipe.send_bytes(body)
            answer = self._pipe.recv_bytes(self._limits.memory_bytes)
        except (EOFError, OSError) as error:
            self.close()
            raise self._death() from error
        finally:
            timer.cancel()
            timer.join()  # so that it can't fire into the next document
        if answer == OUT_OF_MEMORY:
            self.close()
            raise LimitBroken(f"{self._limits.memory_bytes >> 20} MiB of memory (BYDAWN_PARSE_MEMORY_BYTES)")
        return answer

    def kill(self) -> None:
        """End the process; from any thread, also from one that doesn't use it."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and the pipe; only from the thread that uses them."""
        self.kill()
        self._pipe.close()

    def _death(self) -> Exception:
        if self._late.is_set():
            return LimitBroken(f"{self._limits.time_s} s (BYDAWN_PARSE_LIMIT_S)")
        return ParserDied(f"the parser's process ended with code {self._process.returncode}")

    def _end_late(self) -> None:
        self._late.set()
        self._process.kill()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
