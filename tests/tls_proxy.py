"""TLS in front of a server that speaks none."""

import socket
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from threading import Thread

import trustme


@contextmanager
def tls_proxy(port: int, certificate: trustme.LeafCert) -> Iterator[int]:
    """A loopback port that speaks TLS with this certificate and hands all on to `port`."""
    with _Server(("127.0.0.1", 0), _Relay) as server:
        server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(server.context)
        server.upstream_port = port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True  # a client may keep its connection for longer than there is a proxy
    context: ssl.SSLContext
    upstream_port: int

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that fails is what a test wants to see at the other end."""


class _Relay(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with (
            self.server.context.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self.server.upstream_port)) as upstream,
        ):
            while True:
                ready = [client] if client.pending() else select([client, upstream], [], [])[0]
                for each in ready:
                    if not (chunk := each.recv(1 << 16)):
                        return
                    (upstream if each is client else client).sendall(chunk)
