"""Where Redis is and as whom: one address, for redis-py and for Celery alike."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

import redis
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SILENCE_LIMIT_S = 5
"""After which a connection counts as dead: a renewal that meets such a one must not cost the lease."""

ALLOWED = (
    "allowed are redis://, rediss:// (TLS) and sentinel://host,host, with user:password@ before the host and "
    "/0 after it if need be, as in redis://user:password@host:6379/0; write '/' as %2F and '@' as %40 in a "
    "password, or set BYDAWN_BROKER_PASSWORD"
)
_ADDRESS = re.compile(
    r"(?P<scheme>rediss?|sentinel)://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^@/?#]+)(?:/(?P<database>\d{0,4}))?"
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\],]+)(?::(\d{1,5}))?")
_NO_RETRY = Retry(NoBackoff(), 0)  # of one sentinel: the next one is asked instead
_DEFAULT_PORTS = {"redis": 6379, "rediss": 6379, "sentinel": 26379}


@dataclass(frozen=True, slots=True)
class Broker:
    """A Redis, or the sentinels that know where `master` is; prints no secret.

    With TLS, the server's certificate and name are always checked, by `ca_file` or by what the system trusts.
    """

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    database: int = 0
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    master: str = "mymaster"

    @property
    def shown(self) -> str:
        """The address without user and password, for messages."""
        return f"{self.scheme}://{','.join(map(_written, self.hosts))}/{self.database}"

    @property
    def is_encrypted(self) -> bool:
        """`sentinel://` has no second scheme: there a CA file asks for TLS."""
        return self.scheme == "rediss" or (self.scheme == "sentinel" and self.ca_file is not None)

    def client(self, **options: Any) -> "redis.Redis":
        """A client that connects at the first command."""
        options |= self._tls
        account: dict[str, Any] = {
            "db": self.database,
            "username": self.username,
            "password": self._secret,
        }
        if self.scheme == "sentinel":
            asking = {**options, "retry": _NO_RETRY}
            make_sentinel: Any = Sentinel  # which has no types
            sentinel = make_sentinel(self.hosts, sentinel_kwargs=asking, **account, **options)
            return cast("redis.Redis", sentinel.master_for(self.master))
        ((host, port),) = self.hosts
        return redis.Redis(host=host, port=port, **account, **options)

    def celery_options(self, **transport_options: Any) -> dict[str, Any]:
        """The same for Celery; every sentinel is an address of its own there, with all that belongs to it."""
        urls = (f"{self.scheme}://{self._userinfo}{_written(each)}/{self.database}" for each in self.hosts)
        # Left to itself, kombu checks no certificate.
        checks = {"ssl_cert_reqs": ssl.CERT_REQUIRED, **self._certificates}
        if self.scheme == "sentinel":
            patience = {name: it for name, it in transport_options.items() if name.startswith("socket_")}
            asking = {**patience, **self._tls, "retry": _NO_RETRY}
            transport_options |= {"master_name": self.master, "sentinel_kwargs": asking}
        return {
            "broker_url": ";".join(urls),
            "broker_use_ssl": checks if self.is_encrypted else False,
            "broker_transport_options": transport_options,
        }

    @property
    def _secret(self) -> str | None:
        return None if self.password is None else self.password.get_secret_value()

    @property
    def _tls(self) -> dict[str, Any]:
        return {"ssl": True, **self._certificates} if self.is_encrypted else {}

    @property
    def _certificates(self) -> dict[str, str]:
        return {} if self.ca_file is None else {"ssl_ca_certs": str(self.ca_file)}

    @property
    def _userinfo(self) -> str:
        if self.password is None and self.username is None:
            return ""
        return f"{quote(self.username or '', safe='')}:{quote(self._secret or '', safe='')}@"


def parse_broker(
    url: SecretStr,
    username: str | None = None,
    password: SecretStr | None = None,
    ca_file: Path | None = None,
    master: str = "mymaster",
) -> Broker:
    """Read the address; a user or password in it stands above those given beside it.

    Raises:
        ValueError: it can't be read. The message does not quote it, for it may hold a password anywhere.
    """
    if (address := _ADDRESS.fullmatch(url.get_secret_value())) is None:
        raise ValueError(f"BYDAWN_BROKER_URL can't be read; {ALLOWED}")
    scheme = address["scheme"]
    hosts = tuple(_host(text, scheme) for text in address["hosts"].split(","))
    if len(hosts) > 1 and scheme != "sentinel":
        raise ValueError(f"BYDAWN_BROKER_URL names {len(hosts)} hosts; only sentinel:// may")
    if address["user"] is not None:
        username = unquote(address["user"]) or None
        password = SecretStr(unquote(address["password"])) if address["password"] else None
    return Broker(scheme, hosts, int(address["database"] or 0), username, password, ca_file, master)


def _host(text: str, scheme: str) -> tuple[str, int]:
    if (host := _HOST.fullmatch(text)) is None or not 0 < int(host[2] or 1) < 1 << 16:
        raise ValueError(f"BYDAWN_BROKER_URL has a host that can't be read; {ALLOWED}")
    return host[1].strip("[]"), int(host[2] or _DEFAULT_PORTS[scheme])


def _written(host: tuple[str, int]) -> str:
    name, port = host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
