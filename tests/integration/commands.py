"""`bydawn` as a user runs it: real processes, their exit codes and outputs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

BYDAWN = (sys.executable, "-m", "producer")


def bydawn(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = 180.0
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*BYDAWN, *map(str, arguments)],
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@contextmanager
def started(
    *arguments: str | Path, log: Path, env: Mapping[str, str] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """A command that goes on; it is killed at the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*BYDAWN, *map(str, arguments)],
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Ours, without settings that would point a test at somebody's real queue or store."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BYDAWN_")}
    return {**clean, "COLUMNS": "120", **(more or {})}


def all_ended(processes: list[psutil.Process]) -> bool:
    """None of them runs; one that nobody has reaped has ended, too."""
    return all(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in processes)


def wait_until(happens: Callable[[], object], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.05)
