"""What we rely on in Celery and kombu, beyond their manuals too: an upgrade that changes it fails here first.

Each message says which of our files relies on it.
"""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
import redis
from celery import Celery
from celery.app.defaults import NAMESPACES, flatten
from celery.bin.celery import celery as celery_command
from celery.bin.worker import worker as worker_command
from celery.concurrency import get_available_pool_names
from kombu.transport import redis as transport
from kombu.utils.scheduling import cycle_by_name
from pydantic import SecretStr

from jobs import queues
from jobs.broker import SILENCE_LIMIT_S, parse_broker
from jobs.manifest import FORMAT, Priority
from tests.integration.commands import environment, wait_until
from tests.worker.test_app import Calls
from worker.app import make_app, register, worker_arguments

QUEUE = queues.queue_name("tiny", Priority.STANDARD)
TASK_ID = queues.shard_task_id("job-1", 7)


@pytest.fixture
def url(valkey_url: str) -> Iterator[str]:
    url = valkey_url.replace("/0", "/9")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def client(url: str) -> "Iterator[redis.Redis]":
    with redis.Redis.from_url(url, decode_responses=True) as client:
        yield client


@pytest.fixture
def app(url: str) -> Iterator[Celery]:
    app = _app(url)
    yield app
    app.close()


def _app(url: str) -> Celery:
    return make_app(parse_broker(SecretStr(url)), "tiny")


def _send(app: Celery, *shard_nos: int) -> None:
    for shard_no in shard_nos:
        queues.sender(app)(queues.shard_message("job-1", shard_no, QUEUE))


def _take(app: Celery, connection: kombu.Connection) -> kombu.Message:
    """The next message, which stays unacknowledged."""
    taken: list[kombu.Message] = []
    channel = connection.channel()
    channel.basic_qos(0, 1, False)  # as a worker with one thread
    consumer = app.amqp.TaskConsumer(channel, queues=[app.amqp.queues[QUEUE]])
    consumer.on_message = taken.append
    consumer.consume()
    connection.drain_events(timeout=5)
    return taken[0]


class TestNames:
    """Celery and kombu ignore a name that they don't know, and say nothing."""

    def test_settings(self) -> None:
        ours, *_ = _app("redis://queue/0").conf.maps
        known = {name for name, _ in flatten(NAMESPACES)} | {"deprecated_settings"}
        assert "task_acks_late" in ours, "make_app's own settings are the first of these maps"
        unknown = set(ours) - known
        assert not unknown, f"worker/app.py or jobs/queues.py sets {unknown}, which Celery doesn't know"

    @pytest.mark.parametrize(
        ("url", "channel"),
        [("redis://queue/0", transport.Channel), ("sentinel://queue/0", transport.SentinelChannel)],
    )
    def test_transport_options(self, url: str, channel: Any) -> None:
        options = queues.celery_options(parse_broker(SecretStr(url)))["broker_transport_options"]
        unknown = set(options) - set(channel.from_transport_options)
        assert not unknown, f"jobs/queues.py or jobs/broker.py gives {unknown}, which kombu doesn't take"

    def test_arguments_of_the_command(self) -> None:
        known = {
            name for part in (celery_command, worker_command) for each in part.params for name in each.opts
        }
        given = {each.partition("=")[0] for each in worker_arguments("tiny", 1, "INFO")} - {"worker"}
        assert given <= known, f"worker/app.py gives {given - known}, which Celery doesn't take"
        assert "threads" in get_available_pool_names(), "worker/app.py: processes can't share one engine"


class TestDefaults:
    """What we leave as it is because it is right."""

    def test_a_task_that_raised_is_acknowledged(self) -> None:
        conf = _app("redis://queue/0").conf
        assert conf.task_acks_on_failure_or_timeout, "worker/bootstrap.py: the reconciler sends it again"
        assert conf.task_publish_retry, "jobs/queues.py: a dead connection costs a message a second try"
        assert conf.broker_connection_retry, "worker/__main__.py: a worker outlives its connection"

    def test_tasks_belong_to_one_application(self) -> None:
        first, second = (_app("redis://queue/0") for _ in range(2))
        register(first, Calls())
        assert queues.SHARD_TASK in first.tasks
        assert queues.SHARD_TASK not in second.tasks, "worker/app.py binds handlers to one application"


def test_a_priority_cycle_always_begins_with_the_first_queue() -> None:
    cycle = cycle_by_name("priority")(["urgent", "standard", "bulk"])
    for used in ("standard", "bulk"):
        cycle.rotate(used)
        assert cycle.consume(3) == ["urgent", "standard", "bulk"], "jobs/queues.py: urgent work overtakes"


@pytest.mark.integration
class TestOnRedis:
    """How messages lie there, and who puts them back."""

    def test_a_queue_is_a_list_of_its_name_with_the_oldest_message_last(
        self, app: Celery, client: "redis.Redis"
    ) -> None:
        _send(app, 1, 2)
        assert client.type(QUEUE) == "list", "jobs/queues.py reads a queue with LRANGE"
        ids = [json.loads(raw)["headers"]["id"] for raw in client.lrange(QUEUE, 0, -1)]
        assert ids == ["job-1/2", "job-1/1"], "jobs/queues.py: withdraw takes the oldest first"
        suffixed = [key for key in client.scan_iter("*") if key.startswith(QUEUE) and key != QUEUE]
        assert not suffixed, "kombu's own priorities are lists of other names, which nobody of us reads"

    def test_a_message_is_json_with_our_words_in_it(self, app: Celery, client: "redis.Redis") -> None:
        _send(app, 7)
        (raw,) = client.lrange(QUEUE, 0, -1)
        message = json.loads(raw)
        assert message["headers"]["id"] == TASK_ID, "jobs/queues.py finds messages by it"
        assert message["headers"]["task"] == queues.SHARD_TASK
        assert message["content-type"] == "application/json"
        _, kwargs, _ = json.loads(base64.b64decode(message["body"]))
        assert kwargs == {"format": FORMAT, "job_id": "job-1", "shard_no": 7}

    def test_what_is_taken_is_noted_under_names_that_an_account_may_have(
        self, app: Celery, client: "redis.Redis"
    ) -> None:
        _send(app, 7)
        with app.connection_for_read() as connection:
            taken = _take(app, connection)
            assert taken.headers["id"] == TASK_ID
            assert client.llen(QUEUE) == 0
            (noted,) = client.hvals("unacked")
            assert TASK_ID in noted
            strange = [k for k in client.scan_iter("*") if not k.startswith(("bydawn", "_kombu", "unacked"))]
            assert not strange, "ops/SECURITY.md names the keys that an account needs"
            taken.ack()
            assert client.hlen("unacked") == 0
            assert client.zcard("unacked_index") == 0

    def test_a_connection_that_closes_puts_its_messages_back_at_the_front(
        self, app: Celery, client: "redis.Redis"
    ) -> None:
        _send(app, 1, 2)
        with app.connection_for_read() as connection:
            _take(app, connection)
        assert queues.queued_task_ids(client, QUEUE) == {"job-1/1", "job-1/2"}, (
            "worker/leases.py: a shard that runs may be handed out again"
        )
        assert json.loads(client.lrange(QUEUE, -1, -1)[0])["headers"]["id"] == "job-1/1"

    def test_a_connection_that_died_in_silence_is_noticed(self, app: Celery) -> None:
        with app.connection_for_read() as connection, connection.channel() as channel:
            for pool in (channel.pool, channel.async_pool):
                given = pool.connection_kwargs
                for name in ("socket_timeout", "socket_connect_timeout", "health_check_interval"):
                    assert given[name] == SILENCE_LIMIT_S, f"jobs/queues.py: {name} must reach redis-py"
                assert given["socket_keepalive"]
            assert channel.brpop_timeout < SILENCE_LIMIT_S, "jobs/queues.py: an idle wait isn't a silence"
            assert channel.visibility_timeout > 3600, "jobs/queues.py: no long shard is handed out again"
        assert callable(transport.MultiChannelPoller.maybe_check_brpop_health), (
            "jobs/queues.py: the wait of an idle worker is checked by kombu, from 5.7 on"
        )


@pytest.mark.integration
def test_signals_are_told_of_and_leave_threads_to_their_end(
    app: Celery, client: "redis.Redis", url: str, tmp_path: Path
) -> None:
    """worker/stop_signals.py and worker/drain.py: what a drain is built on."""
    log = tmp_path / "log"

    def said(line: str) -> None:
        wait_until(lambda: line in log.read_text().splitlines(), 60, f"{line!r} is said")

    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.worker.contract_worker", url],
            env=environment({}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        queues.sender(app)(queues.finish_message("job-1", QUEUE))
        _send(app, 7)
        said("finish")
        said("began 7 in a thread")
        process.send_signal(signal.SIGINT)
        said("signal 1")
        _send(app, 8)
        assert process.poll() is None, "the first signal waits for what runs"
        process.send_signal(signal.SIGINT)
        said("signal 2")
        assert process.wait(timeout=30) == 0, "so does the second, and the end is an orderly one"
    finally:
        process.kill()
        process.wait()
    lines = log.read_text().splitlines()
    assert "ended 7" in lines, "no signal breaks off a thread"
    queued = queues.queued_task_ids(client, QUEUE)
    # One that was on its way at the first signal is still handed over, and our drain gives it back.
    assert ("ended 8" in lines) != (queued == {"job-1/8"}), f"8 is run or left, and never lost: {lines}"
    assert client.hlen("unacked") == 0, "what ran is acknowledged, and what raised is too"
