"""One address serves redis-py and Celery; a secret in it is told to Redis and to nobody else."""

import logging
import ssl
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st
from kombu.exceptions import OperationalError
from pydantic import SecretStr, ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import queues
from jobs.broker import Broker, parse_broker
from jobs.manifest import Priority
from jobs.settings import Settings
from producer.connection import connect_ledger
from producer.errors import UserError
from tests.servers import sentinel_server, valkey_server
from tests.tls_proxy import tls_proxy

PASSWORD = "hunter2/@:%+"
IN_A_URL = "hunter2%2F%40%3A%25%2B"
QUEUE = queues.queue_name("tiny", Priority.BULK)


def _broker(url: str, **more: Any) -> Broker:
    return parse_broker(SecretStr(url), **more)


class TestAddresses:
    def test_an_address_is_read_part_by_part(self) -> None:
        broker = _broker(f"rediss://bydawn:{IN_A_URL}@queue.example:6380/3")
        assert (broker.hosts, broker.database, broker.username) == ((("queue.example", 6380),), 3, "bydawn")
        assert broker.password is not None
        assert broker.password.get_secret_value() == PASSWORD
        assert broker.shown == "rediss://queue.example:6380/3"

    @pytest.mark.parametrize(
        ("url", "hosts"),
        [
            ("redis://queue", (("queue", 6379),)),
            ("redis://[::1]:6380/", (("::1", 6380),)),
            ("sentinel://a,b:5,10.0.0.1/2", (("a", 26379), ("b", 5), ("10.0.0.1", 26379))),
        ],
    )
    def test_ports_and_databases_have_defaults(self, url: str, hosts: object) -> None:
        assert _broker(url).hosts == hosts

    def test_user_and_password_may_be_given_beside_the_address_which_stands_above_them(self) -> None:
        beside = {"username": "bydawn", "password": SecretStr("beside")}
        assert _broker("redis://queue", **beside).username == "bydawn"
        above = _broker("redis://:above@queue", **beside)
        assert above.username is None
        assert above.password == SecretStr("above")

    @pytest.mark.parametrize(
        "url",
        [
            "redis://user:hunter2/@queue:6379/0",
            "redis://user:hunter2@@queue:6379/0",
            "redis://us/hunter2:x@queue:6379/0",
            "redis://queue:hunter2/0",
            "redis://queue:6379/hunter2",
            "redis://queue:6379/0?password=hunter2",
            "redis://queue:70000/0",
            "redis://a,b/0",
            "http://user:hunter2@queue",
            "unix:///hunter2",
            "hunter2",
            "",
        ],
    )
    def test_what_cannot_be_read_is_refused_without_quoting_it(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BYDAWN_BROKER_URL", url)
        with pytest.raises(ValidationError, match="BYDAWN_BROKER_URL") as refused:
            Settings()
        assert "hunter2" not in "".join(traceback.format_exception(refused.value))

    @given(st.text(min_size=1), st.text(min_size=1))
    def test_any_password_reaches_redis_and_celery_as_it_is(self, username: str, password: str) -> None:
        given = {"username": username, "password": SecretStr(password)}
        broker = _broker("redis://queue:6380/3", **given)
        known = broker.client().connection_pool.connection_kwargs
        assert (known["username"], known["password"]) == (username, password)
        again = _broker(broker.celery_options()["broker_url"])
        assert (again.username, again.password) == (username, SecretStr(password))

    def test_a_certificate_is_always_checked(self, tmp_path: Path) -> None:
        for url, ca_file in (("rediss://queue", None), ("sentinel://queue", tmp_path / "ca.pem")):
            broker = _broker(url, ca_file=ca_file)
            assert broker.celery_options()["broker_use_ssl"]["ssl_cert_reqs"] == ssl.CERT_REQUIRED
            connection: Any = broker.client().connection_pool.make_connection()
            assert connection.cert_reqs == ssl.CERT_REQUIRED
            assert connection.check_hostname
        asked = _broker("sentinel://queue", ca_file=tmp_path / "ca.pem").celery_options()
        assert asked["broker_transport_options"]["sentinel_kwargs"]["ssl"]
        assert _broker("redis://queue").celery_options()["broker_use_ssl"] is False


@pytest.fixture
def account() -> Iterator[tuple[int, Any]]:
    """The port of a Valkey that only `bydawn` may use, and that account's administrator."""
    with valkey_server() as url:
        admin: Any = redis.Redis.from_url(url)
        keys = ("~bydawn*", "~_kombu*", "~unacked*", "&*")
        admin.execute_command("ACL", "SETUSER", "bydawn", "on", f">{PASSWORD}", *keys, "+@all", "-@admin")
        admin.execute_command("ACL", "SETUSER", "default", "off")
        yield int(url.rsplit(":", 1)[-1].split("/")[0]), admin
        admin.close()


def _passes_messages(broker: Broker) -> bool:
    """Through Celery onto a list, off it through kombu, and seen by redis-py in between."""
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(broker))
    message = queues.shard_message("job-1", 7, QUEUE)
    client = broker.client(decode_responses=True)
    try:
        queues.sender(app)(message)
        seen = queues.queued_task_ids(client, QUEUE)
        with app.connection_for_read() as connection, connection.SimpleQueue(QUEUE) as queue:
            taken = queue.get(timeout=5)
            taken.ack()
    finally:
        client.close()
        app.close()
    return seen == {taken.headers["id"]} == {"job-1/7"}


@pytest.mark.integration
def test_an_acl_account_needs_no_more_than_our_keys(account: tuple[int, Any]) -> None:
    port, _ = account
    assert _passes_messages(_broker(f"redis://bydawn:{IN_A_URL}@127.0.0.1:{port}/0"))
    beside = {"username": "bydawn", "password": SecretStr(PASSWORD)}
    assert _passes_messages(_broker(f"redis://127.0.0.1:{port}/0", **beside))


@pytest.mark.integration
@pytest.mark.parametrize("connect", [connect_ledger, lambda settings: _passes_messages(settings.broker)])
def test_a_refused_password_is_in_no_error_no_traceback_and_no_log(
    connect: Callable[[Settings], object], account: tuple[int, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"redis://bydawn:wrong-{IN_A_URL}@127.0.0.1:{account[0]}/0"
    with pytest.raises(Exception, match="invalid username-password pair") as refused:
        connect(Settings(broker_url=SecretStr(url)))
    told = [caplog.text, *traceback.format_exception(refused.value)]
    assert not any("hunter2" in text for text in told)


@pytest.mark.integration
def test_tls_is_spoken_to_whom_the_ca_vouches_for_and_to_nobody_else(tmp_path: Path, valkey_url: str) -> None:
    ca, stranger = trustme.CA(), trustme.CA()
    ca_file, stranger_file = tmp_path / "ca.pem", tmp_path / "stranger.pem"
    ca.cert_pem.write_to_path(ca_file)
    stranger.cert_pem.write_to_path(stranger_file)
    port = int(valkey_url.rsplit(":", 1)[-1].split("/")[0])
    with tls_proxy(port, ca.issue_cert("127.0.0.1")) as tls_port:
        url = f"rediss://127.0.0.1:{tls_port}/9"
        assert _passes_messages(_broker(url, ca_file=ca_file))
        _assert_refused(_broker(url, ca_file=stranger_file))
        _assert_refused(_broker(url))
        _assert_celery_refused(_broker(url))
    with tls_proxy(port, ca.issue_cert("elsewhere.example")) as tls_port:
        _assert_refused(_broker(f"rediss://127.0.0.1:{tls_port}/9", ca_file=ca_file))


def _assert_refused(broker: Broker) -> None:
    client = broker.client(retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        client.ping()
    client.close()


def _assert_celery_refused(broker: Broker) -> None:
    """It retries for seconds, so once must do."""
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(broker))
    app.conf.broker_transport_options |= {"max_retries": 0}
    with (
        app.connection_for_write() as connection,
        pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connection.default_channel.client.ping()
    app.close()


@pytest.mark.integration
def test_sentinels_are_asked_where_redis_is(account: tuple[int, Any]) -> None:
    port, admin = account
    admin.execute_command("ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all")
    with sentinel_server(port) as sentinel_port:
        url = f"sentinel://bydawn:{IN_A_URL}@127.0.0.1:1,127.0.0.1:{sentinel_port}/0"
        assert _passes_messages(_broker(url))
        with pytest.raises(redis.ConnectionError, match="No master found for 'other'"):
            _broker(url, master="other").client().ping()


def test_a_settings_ca_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BYDAWN_BROKER_CA_FILE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(ValidationError, match="broker_ca_file"):
        Settings()


def test_a_producer_is_told_which_address_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_BROKER_URL", f"redis://bydawn:{IN_A_URL}@127.0.0.1:1/0")
    with pytest.raises(UserError, match=r"no Redis answers at redis://127.0.0.1:1/0 \(") as refused:
        connect_ledger(Settings())
    assert "hunter2" not in str(refused.value)
