"""A small S3 server that misbehaves on demand: the faults that a healthy server never shows."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from jobs.stores import ObjectStore, S3Access, open_store


class Fault(StrEnum):
    """What goes wrong with one request."""

    LOSE_ANSWER = "it is carried out, and the connection closes without an answer"
    CONFLICT = "409: another conditional write is under way"
    BREAK_OFF = "the connection closes after half of the body"


@dataclass(slots=True)
class FlakyS3:
    """Its objects by path, the faults of the next requests, whether it honours `If-None-Match`, its log."""

    port: int
    objects: dict[str, bytes] = field(default_factory=dict)
    put_ids: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    honours_conditions: bool = True
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def store(self) -> ObjectStore:
        return open_store("s3://bucket", self.access)

    @property
    def access(self) -> S3Access:
        return S3Access(f"http://127.0.0.1:{self.port}", "a", "b")


@contextmanager
def flaky_s3() -> Iterator[FlakyS3]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.flaky = FlakyS3(server.server_port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.flaky
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    flaky: FlakyS3


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # which answers the client's `Expect: 100-continue`
    server: _Server

    def parse_request(self) -> bool:
        is_one = super().parse_request()
        if is_one:
            self.server.flaky.requests.append((f"{self.command} {self.path}", dict(self.headers)))
        return is_one

    def do_PUT(self) -> None:
        self.close_connection = True
        flaky, fault = self.server.flaky, self._next_fault()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if fault is Fault.CONFLICT:
            return self._answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
        is_refused = flaky.honours_conditions and self.headers["If-None-Match"] and self.path in flaky.objects
        if not is_refused:
            flaky.objects[self.path] = body
            flaky.put_ids[self.path] = self.headers["x-amz-meta-put-id"] or ""
        if fault is Fault.LOSE_ANSWER:
            return None
        return self._answer(412 if is_refused else 200, b"")

    def do_HEAD(self) -> None:
        put_id = self.server.flaky.put_ids.get(self.path, "")
        self._answer(200 if self.path in self.server.flaky.objects else 404, b"", put_id=put_id)

    def do_GET(self) -> None:
        fault = self._next_fault()
        if (body := self.server.flaky.objects.get(self.path)) is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        etag = _etag(body)
        if self.headers["If-Match"] not in (None, etag):
            return self._answer(412, b"")
        if first := re.match(r"bytes=(\d+)-", self.headers["Range"] or ""):
            body = body[int(first[1]) :]
        kept = body[: len(body) // 2] if fault is Fault.BREAK_OFF else body
        return self._answer(206 if first else 200, kept, len(body), etag)

    def do_POST(self) -> None:
        """Only the deletion of objects is asked for by POST; nobody looks whether it is done."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"<DeleteResult/>")

    def log_message(self, *args: object) -> None:
        pass

    def _next_fault(self) -> Fault | None:
        return self.server.flaky.faults.pop(0) if self.server.flaky.faults else None

    def _answer(
        self, status: int, body: bytes, said_bytes: int | None = None, etag: str = '""', put_id: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if said_bytes is None else said_bytes))
        self.send_header("ETag", etag)
        self.send_header("x-amz-meta-put-id", put_id)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'
