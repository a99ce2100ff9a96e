"""A TCP proxy between a client and a real server, for the faults of the network between them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

CHUNK_BYTES = 1 << 16
HTTP_GO_ON = b"HTTP/1.1 100 "  # not yet an answer: it asks for the request's body


class TcpProxy:
    """Passes bytes on, until told otherwise; every method acts at once and from any thread."""

    def __init__(self, listener: socket.socket, server_port: int) -> None:
        self.port: int = listener.getsockname()[1]
        self.num_lost = 0
        self._listener = listener
        self._server_port = server_port
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._speaks = Event()
        self._speaks.set()
        self._answers_to_lose = 0

    def lose_next_answer(self) -> None:
        """The server gets the next request; instead of its answer the client sees the connection end."""
        with self._lock:
            self._answers_to_lose += 1

    def drop_connections(self) -> None:
        """End all open connections; new ones are let through."""
        with self._lock:
            for each in self._open:
                _end(each)

    def cut(self) -> None:
        """End all open connections, and every new one at once, until it is healed."""
        self._is_cut = True
        self.drop_connections()
        self._speaks.set()

    def mute(self) -> None:
        """Keep connections open and let new ones in, and pass nothing on, until all are cut."""
        self._speaks.clear()

    def heal(self) -> None:
        self._is_cut = False

    def serve(self) -> None:
        """Accept until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return  # the server is down: the client sees its connection end
            with server:
                with self._lock:
                    self._open |= {client, server}
                try:
                    if self._is_cut:
                        return
                    upwards = Thread(target=self._pass_on, args=(client, server), daemon=True)
                    upwards.start()
                    self._pass_on(server, client, are_answers=True)
                    upwards.join()
                finally:
                    with self._lock:
                        self._open -= {client, server}

    def _pass_on(self, source: socket.socket, target: socket.socket, *, are_answers: bool = False) -> None:
        """Pass bytes one way until either side is done, and end both then."""
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                self._speaks.wait()
                if are_answers and self._is_to_be_lost(chunk):
                    break
                target.sendall(chunk)
        _end(source)
        _end(target)

    def _is_to_be_lost(self, answer: bytes) -> bool:
        with self._lock:
            if self._answers_to_lose == 0 or answer.startswith(HTTP_GO_ON):
                return False
            self._answers_to_lose -= 1
            self.num_lost += 1
            return True


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def tcp_proxy(server_port: int) -> Iterator[TcpProxy]:
    """A proxy on a free loopback port to a server on another, which need not be up yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = TcpProxy(listener, server_port)
        thread = Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.cut()
            _end(listener)
            thread.join()
