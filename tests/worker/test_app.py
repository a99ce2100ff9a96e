"""Messages become calls, and those that this version cannot read do not."""

from dataclasses import dataclass, field

import pytest
from celery import Celery
from pydantic import SecretStr

from jobs import queues
from jobs.broker import parse_broker
from jobs.manifest import FORMAT
from worker.app import make_app, register, worker_arguments


@dataclass(slots=True)
class Calls:
    """Handlers that write down what they are called with."""

    made: list[tuple[str, ...]] = field(default_factory=list)

    def run_shard(self, job_id: str, shard_no: int) -> None:
        self.made.append(("shard", job_id, str(shard_no)))

    def finish(self, job_id: str) -> None:
        self.made.append(("finish", job_id))


@pytest.fixture
def app() -> Celery:
    return make_app(parse_broker(SecretStr("redis://127.0.0.1:1/0")), "tiny")


def test_each_message_reaches_its_handler(app: Celery) -> None:
    calls = Calls()
    register(app, calls)
    for message in (queues.shard_message("job-1", 7, "q"), queues.finish_message("job-1", "q")):
        app.tasks[message.task](**message.kwargs)
    assert calls.made == [("shard", "job-1", "7"), ("finish", "job-1")]


def test_a_message_of_a_newer_format_is_left_to_newer_workers(app: Celery) -> None:
    calls = Calls()
    register(app, calls)
    app.tasks[queues.SHARD_TASK](format=FORMAT + 1, job_id="job-1", shard_no=7)
    app.tasks[queues.FINISH_TASK](format=FORMAT + 1, job_id="job-1")
    assert calls.made == []


@pytest.mark.parametrize(
    "message",
    [
        {"format": FORMAT, "job_id": "../up", "shard_no": 7},
        {"format": FORMAT, "job_id": "job-1/7", "shard_no": 7},
        {"format": FORMAT, "job_id": "job-1\n", "shard_no": 7},
        {"format": FORMAT, "job_id": ["job-1"], "shard_no": 7},
        {"format": FORMAT, "job_id": 1, "shard_no": 7},
        {"format": FORMAT, "job_id": "job-1", "shard_no": -1},
        {"format": FORMAT, "job_id": "job-1", "shard_no": "../7"},
        {"format": "1", "job_id": "job-1", "shard_no": 7},
    ],
)
def test_a_message_whose_words_are_no_names_is_dropped_before_they_become_keys(
    app: Celery, message: dict[str, object]
) -> None:
    calls = Calls()
    register(app, calls)
    app.tasks[queues.SHARD_TASK](**message)
    assert calls.made == []


def test_a_worker_takes_json_only_acknowledges_last_and_drains_queues_in_order(app: Celery) -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.broker_connection_max_retries is None, "a worker outlives an outage of any length"
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_transport_options["queue_order_strategy"] == "priority"
    arguments = worker_arguments("tiny", 3, "INFO")
    assert "--queues=bydawn.tiny.urgent,bydawn.tiny.standard,bydawn.tiny.bulk" in arguments
    assert "--pool=threads" in arguments
    assert "--concurrency=3" in arguments
