"""A window bounds what a job has in Redis, jobs share the workers, and a priority can be changed."""

import json
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
import redis
from celery import Celery
from pydantic import SecretStr

from jobs import queues
from jobs.broker import parse_broker
from jobs.control import DeadlineOrder, PauseOrder, PriorityOrder, copy_controls, give_order
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Priority
from jobs.outcome import Counts
from jobs.window import MIN_SHARDS, Window
from tests.worker.fakes import Bench, make_job, rows
from tests.worker.hand_worker import send_to


def _ids(ledger: Ledger, priority: Priority) -> list[str]:
    """Oldest first."""
    raw = ledger.client.lrange(queues.queue_name("tiny", priority), 0, -1)
    return [json.loads(each)["headers"]["id"] for each in raw][::-1]


def _take(ledger: Ledger, priority: Priority = Priority.STANDARD) -> tuple[str, int] | None:
    if (raw := ledger.client.rpop(queues.queue_name("tiny", priority))) is None:
        return None
    job_id, _, shard_no = json.loads(str(raw))["headers"]["id"].rpartition("/")
    return job_id, int(shard_no)


def _job(bench: Bench, number: int, shards: int, **more: object) -> Manifest:
    job_id = f"20260101t000000-{number:08}"
    return make_job(bench.store, [rows("a", start=n) for n in range(shards)], job_id=job_id, **more)


def _tell_of_workers(ledger: Ledger, number: int, slots: int) -> None:
    for name in (f"w{n}" for n in range(number)):
        ledger.tell_worker(name, {"worker": name, "model": "tiny", "slots": slots}, life_s=60)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def dispatcher(bench: Bench) -> Dispatcher:
    return Dispatcher(bench.ledger, send_to(bench.ledger), window_shards=4)


@pytest.fixture
def real_ledger(valkey_url: str) -> Iterator[Ledger]:
    with redis.Redis.from_url(valkey_url.replace("/0", "/6"), decode_responses=True) as client:
        yield Ledger(client)
        client.flushdb()


@pytest.mark.integration
def test_a_job_of_2000_shards_never_has_more_than_a_window_in_redis(
    bench: Bench, real_ledger: Ledger
) -> None:
    manifest = _job(bench, 1, 2000)
    _tell_of_workers(real_ledger, 8, slots=4)
    dispatcher = Dispatcher(real_ledger, send_to(real_ledger))
    dispatcher.start(manifest)
    queue = queues.queue_name("tiny", Priority.STANDARD)
    taken: list[int] = []
    longest = 0
    while (message := _take(real_ledger)) is not None:
        longest = max(longest, 1 + real_ledger.client.llen(queue))
        taken.append(message[1])
        real_ledger.settle(*message, Counts(ok=1))
        dispatcher.top_up(manifest)
    assert taken == list(range(2000))
    assert longest == 2 * 8 * 4
    bytes_used = sum(real_ledger.client.memory_usage(key) or 0 for key in real_ledger.client.keys("*"))
    assert bytes_used < 200_000, "what stays is a number a shard, and the sums"


@pytest.mark.parametrize(("num_workers", "slots"), [(1, 4), (50, 4)])
def test_every_slot_is_fed_and_a_second_job_waits_for_one_shard_of_each(
    bench: Bench, num_workers: int, slots: int
) -> None:
    """Every slot runs one shard, and takes the next message when it has settled it."""
    num_slots = num_workers * slots
    _tell_of_workers(bench.ledger, num_workers, slots)
    first, second = _job(bench, 1, 6 * num_slots), _job(bench, 2, 6 * num_slots)
    manifests = {manifest.job_id: manifest for manifest in (first, second)}
    dispatcher = Dispatcher(bench.ledger, send_to(bench.ledger))
    dispatcher.start(first)
    running = deque(_take(bench.ledger) for _ in range(num_slots))
    order: list[str] = []

    def settle_next() -> None:
        settled = running.popleft()
        assert settled is not None, "no slot is idle"
        bench.ledger.settle(*settled, Counts(ok=1))
        dispatcher.top_up(manifests[settled[0]])
        running.append(taken := _take(bench.ledger))
        order.append("" if taken is None else taken[0])

    for _ in range(num_slots + 1):
        settle_next()
    dispatcher.start(second)
    for _ in range(5 * num_slots):
        settle_next()
    waited = order.index(second.job_id) - (num_slots + 1)
    assert waited <= num_slots
    shared = order[num_slots + 1 + waited :][: 4 * num_slots]
    assert [shared.count(job_id) for job_id in manifests] == [2 * num_slots] * 2


def test_workers_of_other_models_and_dead_ones_do_not_count(bench: Bench) -> None:
    _tell_of_workers(bench.ledger, 3, slots=8)
    bench.ledger.tell_worker("other", {"worker": "other", "model": "large", "slots": 64}, life_s=10)
    now_s = [0.0]
    window = Window(bench.ledger, lambda: now_s[0])
    assert window.shards("tiny") == 2 * 3 * 8
    bench.ledger.forget_worker("w0")
    assert window.shards("tiny") == 2 * 3 * 8, "it doesn't ask at every settled shard"
    now_s[0] = 3.0
    assert window.shards("tiny") == 2 * 2 * 8
    assert window.shards("unserved") == MIN_SHARDS


def test_two_jobs_of_one_priority_share_the_workers(bench: Bench, dispatcher: Dispatcher) -> None:
    first, second = _job(bench, 1, 30), _job(bench, 2, 12)
    manifests = {manifest.job_id: manifest for manifest in (first, second)}
    dispatcher.start(first)
    dispatcher.start(second)
    order: list[str] = []
    while (message := _take(bench.ledger)) is not None:
        order.append(message[0])
        bench.ledger.settle(*message, Counts(ok=1))
        dispatcher.top_up(manifests[message[0]])
    until_both_ended = order[: len(order) - order[::-1].index(second.job_id)]
    runs = [len(list(same)) for _, same in groupby(until_both_ended)]
    assert max(runs) <= 4, "no job keeps the other waiting for more than a window"
    assert until_both_ended.count(first.job_id) == until_both_ended.count(second.job_id) == 12


def test_a_changed_priority_moves_what_waits_and_nothing_of_other_jobs(
    bench: Bench, dispatcher: Dispatcher
) -> None:
    mine, other = (_job(bench, number, 6, priority=Priority.BULK) for number in (1, 2))
    dispatcher.start(mine)
    dispatcher.start(other)
    before = _ids(bench.ledger, Priority.BULK)
    dispatcher.requeue(mine)
    assert _ids(bench.ledger, Priority.BULK) == before, "what waits in the right queue keeps its place"
    give_order(bench.store, mine.job_id, PriorityOrder(priority=Priority.URGENT))
    copy_controls(bench.store, bench.ledger, mine)
    for _ in range(2):  # again does no harm
        dispatcher.requeue(mine)
        assert _ids(bench.ledger, Priority.URGENT) == [f"{mine.job_id}/{n}" for n in range(4)]
        assert _ids(bench.ledger, Priority.BULK) == [f"{other.job_id}/{n}" for n in range(4)]
    bench.ledger.settle(mine.job_id, 0, Counts(ok=1))
    dispatcher.top_up(mine)
    dispatcher.send_finish(mine)
    assert _ids(bench.ledger, Priority.URGENT)[-2:] == [f"{mine.job_id}/4", f"{mine.job_id}/finish"]


def test_no_shard_of_a_paused_job_is_sent_until_its_deadline(bench: Bench, dispatcher: Dispatcher) -> None:
    manifest = _job(bench, 1, 6)
    bench.ledger.open(manifest)
    give_order(bench.store, manifest.job_id, PauseOrder())
    copy_controls(bench.store, bench.ledger, manifest)
    assert dispatcher.top_up(manifest) == 0
    assert _ids(bench.ledger, Priority.STANDARD) == []
    passed = datetime.now(UTC) - timedelta(seconds=1)
    give_order(bench.store, manifest.job_id, DeadlineOrder(deadline=passed))
    copy_controls(bench.store, bench.ledger, manifest)
    assert dispatcher.top_up(manifest) == 4


@pytest.mark.integration
def test_only_a_jobs_own_messages_are_withdrawn_and_made_again_as_they_were(valkey_url: str) -> None:
    url = valkey_url.replace("/0", "/7")
    app = Celery("test", set_as_current=False)
    app.conf.update(queues.celery_options(parse_broker(SecretStr(url))))
    send, queue = queues.sender(app), queues.queue_name("tiny", Priority.BULK)
    sent = [queues.shard_message("job-1", 7, queue), queues.finish_message("job-1", queue)]
    for message in (*sent, queues.shard_message("job-10", 7, queue)):
        send(message)
    with redis.Redis.from_url(url, decode_responses=True) as client:
        withdrawn = queues.withdraw(client, queue, "job-1")
        assert {queues.message_of(task_id, queue).task_id for task_id in withdrawn} == {
            "job-1/7",
            "job-1/finish",
        }
        assert sorted(map(str, (queues.message_of(task_id, queue) for task_id in withdrawn))) == sorted(
            map(str, sent)
        )
        assert queues.queued_task_ids(client, queue) == {"job-10/7"}
        client.flushdb()
    app.close()
