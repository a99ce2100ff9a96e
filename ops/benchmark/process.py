"""One system's process: started, told a turn, stopped while others have theirs, and ended for certain."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ops.benchmark.peers.protocol import Answer, Turn

ROOT = Path(__file__).parents[2]
LOAD_TIMEOUT_S = 1200  # vLLM compiles for minutes
TURN_TIMEOUT_S = 7200


class SystemFailed(Exception):
    """A system's process would not start, broke or said nothing; the message says what it last wrote."""


class SystemProcess:
    """Runs in a process group of its own, which is stopped whenever it has no turn."""

    def __init__(
        self,
        python: str,
        module: str,
        settings: dict[str, Any],
        log: Path,
        load_timeout_s: float = LOAD_TIMEOUT_S,
    ) -> None:
        """Start it and wait until it has loaded; raises SystemFailed."""
        self._log = log
        self._unread = b""
        command = [python, "-m", module, json.dumps(settings)]
        with log.open("wb") as stream:
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=_environment(python),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    start_new_session=True,
                )
            except OSError as error:
                log.unlink()
                raise SystemFailed(f"{python} does not start: {error.strerror}") from error
        try:
            self.versions: dict[str, str] = self._read(load_timeout_s)["versions"]
            self._signal(signal.SIGSTOP)
        except BaseException:
            self.end()
            raise

    def run(self, turn: Turn, timeout_s: float = TURN_TIMEOUT_S) -> Answer:
        """Let it run a turn, with the machine to itself; raises SystemFailed."""
        with self._awake():
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):  # its last words are read below
                self._process.stdin.write(json.dumps(asdict(turn)).encode() + b"\n")
                self._process.stdin.flush()
            return Answer(**self._read(timeout_s))

    @contextmanager
    def _awake(self) -> Iterator[None]:
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def _read(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        # What a library prints while it is imported comes before anything of ours.
        while not (line := self._read_line(deadline)).startswith(b"{"):
            pass
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise SystemFailed(f"{message['error']} (its log: {self._log})")
        return message

    def _read_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise SystemFailed(f"it said nothing in time (its log: {self._log})")
            if not (data := os.read(self._process.stdout.fileno(), 1 << 20)):
                raise SystemFailed(f"it ended: {self._last_words()} (its log: {self._log})")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "without a word")

    def end(self) -> None:
        """Kill it and all that it has started."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # a turn that it died before reading
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _environment(python: str) -> dict[str, str]:
    # Ours is found through the working folder; another venv must not see our packages.
    foreign = set() if python == sys.executable else {"PYTHONPATH", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"}
