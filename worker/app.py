"""The Celery application: entrypoints that translate messages into calls."""

import logging
from typing import Any, Protocol

from celery import Celery

from jobs import queues
from jobs.broker import Broker
from jobs.manifest import FORMAT
from jobs.names import check_name

log = logging.getLogger(__name__)


class Handlers(Protocol):
    """What the messages ask for."""

    def run_shard(self, job_id: str, shard_no: int) -> None: ...

    def finish(self, job_id: str) -> None: ...


def make_app(broker: Broker, alias: str) -> Celery:
    app = Celery("bydawn", set_as_current=False)
    app.conf.update(queues.celery_options(broker))
    app.conf.update(
        task_acks_late=True,
        broker_connection_max_retries=None,  # however long Redis is away
        task_default_queue=queues.queue_names(alias)[0],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    return app


def register(app: Celery, handlers: Handlers) -> None:
    """Bind the messages of `jobs.queues` to their handlers."""

    def run_shard(format: int, job_id: str, shard_no: int) -> None:  # noqa: A002 (the wire's word)
        if _readable(format, job_id, shard_no):
            handlers.run_shard(job_id, shard_no)

    def finish(format: int, job_id: str) -> None:  # noqa: A002
        if _readable(format, job_id):
            handlers.finish(job_id)

    for name, handler in ((queues.SHARD_TASK, run_shard), (queues.FINISH_TASK, finish)):
        app.task(name=name, shared=False)(handler)  # of this application alone


def _readable(message_format: object, job_id: object, shard_no: object = 0) -> bool:
    """A newer version's message is left to newer workers: the reconciler sends it again.

    What none of us wrote is dropped here, before its words become keys.
    """
    if not isinstance(message_format, int) or message_format > FORMAT:
        log.warning("action=give_back format=%.20r", message_format)
        return False
    try:
        check_name(str(job_id))
    except ValueError as error:
        log.warning("action=drop_message error=%s", error)
        return False
    return isinstance(job_id, str) and isinstance(shard_no, int) and shard_no >= 0


def worker_arguments(alias: str, concurrency: int, log_level: str) -> list[str]:
    """Celery's own command line: threads, because a prefork child can't share one engine."""
    options: dict[str, Any] = {
        "--pool": "threads",
        "--concurrency": concurrency,
        "--queues": ",".join(queues.queue_names(alias)),
        "--loglevel": log_level,
    }
    switches = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return ["--quiet", "worker", *(f"{name}={value}" for name, value in options.items()), *switches]
