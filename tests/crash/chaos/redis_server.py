"""A Valkey on a port that stays, to be killed and started again."""

import random
import shutil
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.servers import valkey_server

# Below what systems take for connections of their own: a client that asks for a port that nobody listens on
# may be given that very port for its own end, and then talks to itself where the server must come back.
_PORTS = range(20_000, 32_000)


class MortalRedis:
    """Each outage waits for the one before it; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self._folder = folder
        self._life = ExitStack()
        self._is_closed = False
        self._lock = threading.Lock()
        self._start()

    def wipe(self) -> None:
        """Kill it, and start an empty one."""
        with self._lock:
            self._life.close()
            shutil.rmtree(self._folder)
            self._start()

    def be_away(self, lasts: "threading.Event", for_s: float) -> None:
        """Kill it, and start it again with its data after so long, or once `lasts` is set."""
        with self._lock:
            self._life.close()
            lasts.wait(for_s)
            self._start()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._life.close()

    def _start(self) -> None:
        if self._is_closed:  # by the end of a run that is told to stop in the middle of an outage
            return
        self._folder.mkdir(exist_ok=True)
        self._life.enter_context(valkey_server(self._folder, port=self.port))


def _free_port() -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {_PORTS.start} to {_PORTS.stop} is free")
