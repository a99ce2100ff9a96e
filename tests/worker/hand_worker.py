"""A worker of one thread that a test moves by hand: it takes messages off queues and runs their shards."""

import json
from typing import cast

from jobs import queues
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.queues import Message, Send
from jobs.stores import ObjectStore
from tests.worker.fakes import Answer, fake_model, no_engine, row_texts
from worker.checkpoints import Checkpoints
from worker.drain import Drain
from worker.finish import Finisher
from worker.leases import Leases
from worker.quarantine import Quarantine
from worker.reconcile import Reconciler
from worker.run_shard import ShardRunner
from worker.settle import Settler


def send_to(ledger: Ledger) -> Send:
    """Put messages where kombu would, with no more in them than is read there."""

    def send(message: Message) -> None:
        ledger.client.lpush(message.queue, json.dumps({"headers": {"id": message.task_id}}))

    return send


class HandWorker:
    """Over any store, ledger and queues."""

    def __init__(
        self,
        store: ObjectStore,
        ledger: Ledger,
        answer: Answer,
        send: Send | None = None,
        window_shards: int = 2,
        alias: str = "tiny",
    ) -> None:
        model, self.engine = fake_model(answer)
        self.dispatcher = Dispatcher(ledger, send or send_to(ledger), window_shards)
        settler = Settler(store, ledger, self.dispatcher)
        leases = Leases(ledger, "me", 15)
        self.runner = ShardRunner(
            store,
            ledger,
            leases,
            settler,
            model,
            Quarantine(store, ledger, no_engine),
            Checkpoints(store, "me"),
            Drain(store, leases, self.dispatcher, timeout_s=25),
            row_texts(store),
        )
        self._finisher = Finisher(store, ledger, leases)
        self._reconciler = Reconciler(store, ledger, self.dispatcher, settler, "me", interval_s=5)
        self._ledger = ledger
        self._alias = alias

    @property
    def waiting(self) -> dict[str, list[str]]:
        """Ids of waiting messages, oldest first, by priority."""
        return {name.rsplit(".", 1)[-1]: self._ids(name) for name in queues.queue_names(self._alias)}

    def run_next(self) -> str | None:
        """Do what the next message asks, and return its id; None if none waits."""
        for name in queues.queue_names(self._alias):
            if (raw := self._ledger.client.rpop(name)) is not None:
                return self._run(_task_id(cast("str", raw)))
        return None

    def run_all(self) -> list[str]:
        """Go on until no message waits; returns the ids of all."""
        done: list[str] = []
        while (task_id := self.run_next()) is not None:
            done.append(task_id)
            assert len(done) < 10_000, "it never ends"
        return done

    def reconcile(self) -> None:
        """Look twice: what is missed once may just have been taken."""
        self._reconciler.reconcile_all()
        self._reconciler.reconcile_all()

    def _ids(self, queue: str) -> list[str]:
        waiting = cast("list[str]", self._ledger.client.lrange(queue, 0, -1))
        return [_task_id(raw) for raw in reversed(waiting)]

    def _run(self, task_id: str) -> str:
        job_id, _, unit = task_id.rpartition("/")
        if unit == "finish":
            self._finisher.finish(job_id)
        else:
            self.runner.run(job_id, int(unit))
        return task_id


def _task_id(raw: str) -> str:
    return str(json.loads(raw)["headers"]["id"])
