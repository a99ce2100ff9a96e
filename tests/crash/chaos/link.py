"""One client's way to Redis and to the store, which can be cut for it alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.proxy import TcpProxy, tcp_proxy
from tests.servers import BUCKET, S3Server

STORE_PREFIX = "chaos"


@dataclass(frozen=True, slots=True)
class Way:
    """To one server; of two cuts the second waits for the end of the first."""

    proxy: TcpProxy
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Within the block nothing passes."""
        with self._lock:
            self.proxy.cut()
            try:
                yield
            finally:
                self.proxy.heal()


@dataclass(frozen=True, slots=True)
class Link:
    """Both ways, and the environment of a process that uses them."""

    redis: Way
    store: Way
    env: dict[str, str]


@contextmanager
def link(redis_port: int, s3: S3Server) -> Iterator[Link]:
    """Proxies of one client's own."""
    with tcp_proxy(redis_port) as to_redis, tcp_proxy(s3.port) as to_store:
        env = {
            **s3.through(to_store.port).environment,
            "BYDAWN_STORE": f"s3://{BUCKET}/{STORE_PREFIX}",
            "BYDAWN_BROKER_URL": f"redis://127.0.0.1:{to_redis.port}/0",
        }
        yield Link(Way(to_redis), Way(to_store), env)
