"""Queue names, the messages on them, and what both sides tell Celery about Redis.

A message names a job and a shard and nothing else: losing one loses no work (the reconciler sends it
again), and a second copy does no harm (a shard has one lease and one part).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import redis
from kombu.exceptions import OperationalError

from jobs.broker import SILENCE_LIMIT_S, Broker
from jobs.manifest import FORMAT, Priority
from jobs.names import check_name

SHARD_TASK = "bydawn.shard"
FINISH_TASK = "bydawn.finish"

FINISH = "finish"
"""The unit of work that ends a job, beside its shards."""


def queue_name(alias: str, priority: Priority) -> str:
    return f"bydawn.{check_name(alias)}.{priority}"


def queue_names(alias: str) -> list[str]:
    """The queues of a model, in the order in which they are drained."""
    return [queue_name(alias, priority) for priority in Priority]


@dataclass(frozen=True, slots=True)
class Message:
    """One Celery message; its id says what it is for, so that a queue can be read without decoding."""

    task: str
    task_id: str
    queue: str
    kwargs: dict[str, int | str]


Send = Callable[[Message], None]
"""Raises redis.RedisError when Redis is away."""


class SendsTasks(Protocol):
    """What of a Celery application is needed here."""

    def send_task(self, name: str, *, kwargs: dict[str, int | str], task_id: str, queue: str) -> object: ...


def sender(app: SendsTasks) -> Send:
    """How an application puts our messages on their queues.

    Like the ledger, what it returns raises redis.RedisError when Redis is away: it is the same Redis.
    """

    def send(message: Message) -> None:
        try:
            app.send_task(message.task, kwargs=message.kwargs, task_id=message.task_id, queue=message.queue)
        except OperationalError as error:
            raise redis.ConnectionError(f"{message.task_id} can't be queued: {error}") from error

    return send


def shard_message(job_id: str, shard_no: int, queue: str) -> Message:
    kwargs: dict[str, int | str] = {"format": FORMAT, "job_id": job_id, "shard_no": shard_no}
    return Message(SHARD_TASK, shard_task_id(job_id, shard_no), queue, kwargs)


def finish_message(job_id: str, queue: str) -> Message:
    return Message(FINISH_TASK, finish_task_id(job_id), queue, {"format": FORMAT, "job_id": job_id})


def message_of(task_id: str, queue: str) -> Message:
    """The message that has this id."""
    job_id, _, unit = task_id.rpartition("/")
    return shard_message(job_id, int(unit), queue) if unit.isdecimal() else finish_message(job_id, queue)


def shard_task_id(job_id: str, shard_no: int) -> str:
    return f"{job_id}/{shard_no}"


def finish_task_id(job_id: str) -> str:
    return f"{job_id}/{FINISH}"


def queued_task_ids(client: redis.Redis, queue: str) -> set[str]:
    """The ids of all messages waiting in a queue, read from kombu's list without taking any."""
    return {task_id for raw in client.lrange(queue, 0, -1) if (task_id := _task_id(raw)) is not None}


def withdraw(client: redis.Redis, queue: str, job_id: str) -> list[str]:
    """Take a job's waiting messages off a queue; returns their ids, oldest first.

    A message that a worker takes meanwhile stays with it, and is not among them.
    """
    withdrawn = []
    for raw in reversed(cast("list[str]", client.lrange(queue, 0, -1))):
        task_id = _task_id(raw)
        if task_id is not None and task_id.rpartition("/")[0] == job_id and client.lrem(queue, -1, raw):
            withdrawn.append(task_id)
    return withdrawn


def _task_id(raw: str | bytes) -> str | None:
    """None for what no Celery application put there."""
    try:
        return str(json.loads(raw)["headers"]["id"])
    except (ValueError, LookupError, TypeError):
        return None


def celery_options(broker: Broker) -> dict[str, Any]:
    """The settings that producers and workers must share."""
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_create_missing_queues": True,
        "broker_connection_retry_on_startup": True,
        **broker.celery_options(
            queue_order_strategy="priority",
            # A connection that has died in silence is noticed by its silence alone.
            socket_timeout=SILENCE_LIMIT_S,
            socket_connect_timeout=SILENCE_LIMIT_S,
            health_check_interval=SILENCE_LIMIT_S,  # of the one on which an idle worker waits, too
            socket_keepalive=True,
            # A shard's safety is its lease, which is renewed; kombu's own clock never is, and would
            # only hand a long shard out again while it runs.
            visibility_timeout=24 * 3600,
        ),
    }
