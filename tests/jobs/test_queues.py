"""What Celery really puts on a list is what the reconciler reads there."""

import pytest
import redis
from celery import Celery
from pydantic import SecretStr

from jobs import queues
from jobs.broker import parse_broker
from jobs.manifest import Priority
from tests.servers import free_ports

pytestmark = pytest.mark.integration


def test_the_ids_of_waiting_messages_are_read_without_taking_any(valkey_url: str) -> None:
    url = valkey_url.replace("/0", "/4")
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(parse_broker(SecretStr(url))))
    queue = queues.queue_name("tiny", Priority.BULK)
    for message in (queues.shard_message("job-1", 7, queue), queues.finish_message("job-1", queue)):
        app.send_task(message.task, kwargs=message.kwargs, task_id=message.task_id, queue=message.queue)
    client = redis.Redis.from_url(url, decode_responses=True)
    assert queues.queued_task_ids(client, queue) == {"job-1/7", "job-1/finish"}
    assert client.llen(queue) == 2
    client.flushdb()
    client.close()
    app.close()


def test_a_queue_that_is_away_raises_what_the_ledger_raises() -> None:
    (port,) = free_ports(1)
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(parse_broker(SecretStr(f"redis://127.0.0.1:{port}/0"))))
    with pytest.raises(redis.RedisError, match="job-1/7 can't be queued"):
        queues.sender(app)(queues.shard_message("job-1", 7, "q"))
    app.close()


def test_queues_are_listed_in_the_order_in_which_they_are_drained() -> None:
    assert [name.rsplit(".", 1)[-1] for name in queues.queue_names("tiny")] == ["urgent", "standard", "bulk"]


def test_a_message_that_redis_does_not_take_fails_as_all_that_needs_redis_does() -> None:
    app = Celery("test", set_as_current=False)
    nowhere = f"redis://127.0.0.1:{free_ports(1)[0]}/0"
    app.conf.update(queues.celery_options(parse_broker(SecretStr(nowhere))))
    with pytest.raises(redis.RedisError, match="refused"):
        queues.sender(app)(queues.shard_message("job-1", 7, "queue"))
    app.close()
