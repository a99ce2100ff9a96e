"""Which message a worker takes next, asked of the very consumer that Celery makes."""

import queue
from collections.abc import Callable, Iterator

import kombu
import pytest
import redis
from pydantic import SecretStr

from jobs import queues
from jobs.broker import parse_broker
from jobs.manifest import Priority
from worker.app import make_app

pytestmark = pytest.mark.integration

TakeNext = Callable[[], str]


@pytest.fixture
def url(valkey_url: str) -> Iterator[str]:
    url = valkey_url.replace("/0", "/8")
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushdb()


def test_urgent_work_overtakes_bulk_at_the_next_shard(url: str) -> None:
    app = make_app(parse_broker(SecretStr(url)), "tiny")
    send = queues.sender(app)

    def order(job_id: str, shard_no: int, priority: Priority) -> None:
        send(queues.shard_message(job_id, shard_no, queues.queue_name("tiny", priority)))

    taken: queue.SimpleQueue[str] = queue.SimpleQueue()
    with app.connection_for_read() as connection, connection.channel() as channel:
        channel.basic_qos(0, 1, False)  # as a worker with one thread
        consumer = app.amqp.TaskConsumer(
            channel, queues=[app.amqp.queues[name] for name in queues.queue_names("tiny")]
        )

        def on_message(message: kombu.Message) -> None:
            taken.put(message.headers["id"])
            message.ack()

        consumer.on_message = on_message

        def take() -> str:
            connection.drain_events(timeout=5)
            return taken.get_nowait()

        for shard_no in range(2):
            order("night", shard_no, Priority.BULK)
        with consumer:
            assert take() == "night/0"
            for shard_no in range(2):
                order("day", shard_no, Priority.STANDARD)
                order("now", shard_no, Priority.URGENT)
            assert [take() for _ in range(5)] == ["now/0", "now/1", "day/0", "day/1", "night/1"]
    app.close()
