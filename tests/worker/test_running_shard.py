"""Whatever a running shard does keeps its lease."""

import asyncio
from collections.abc import Callable

import pytest

from jobs.outcome import Code, Outcome
from tests.worker.fakes import Bench, completion, fake_model, make_job, row_texts, rows
from worker.heads import Heads
from worker.job_prior import JobPriors
from worker.leases import Leases
from worker.running_shard import RunningShard
from worker.shard_memory import ShardMemory

ROW = rows("a text")[0]


class Clock:
    """Stands still until it is moved."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Held:
    """A shard whose lease was taken ten silent minutes ago, and an engine that answers when it is told to."""

    def __init__(self) -> None:
        bench = Bench()
        self._ledger = bench.ledger
        self._clock = Clock()
        self._leases = Leases(bench.ledger, "me", 15, stall_limit_s=600, clock=self._clock)
        self._manifest = make_job(bench.store, [[ROW]])
        model, self.engine = fake_model(lambda *_: None)
        self.shard = RunningShard(
            self._manifest,
            0,
            ShardMemory(),
            self._leases,
            model,
            row_texts(bench.store),
            Heads(bench.store),
            JobPriors(bench.store),
        )
        assert self._leases.take(*self.shard.unit)
        self.be_silent()

    def be_silent(self) -> None:
        self._clock.now_s += 601

    def is_renewed(self) -> bool:
        self._ledger.client.flushall()
        self._leases.renew()
        return bool(self._ledger.held(self._manifest.job_id, ["0"]))


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.mark.parametrize(
    ("does", "is_renewed"),
    [
        (lambda _: None, False),
        (lambda shard: shard.read_text(ROW), True),
        (lambda shard: shard.note(Outcome.failed(ROW.id, Code.TOO_LONG, "long")), True),
    ],
    ids=["nothing", "reads a text", "finishes a row"],
)
def test_a_shard_keeps_its_lease_if_it_does_anything(
    held: Held, does: Callable[[RunningShard], object], is_renewed: bool
) -> None:
    does(held.shard)
    assert held.is_renewed() is is_renewed


def test_a_shard_keeps_its_lease_while_it_waits_for_the_engine_and_after_its_answer(held: Held) -> None:
    async def run_row() -> None:
        row = asyncio.create_task(held.shard.kind_on(held.engine).run(ROW, "a text"))
        while not held.engine.futures:
            await asyncio.sleep(0)
        held.be_silent()
        assert held.is_renewed(), "it waits"
        held.engine.futures[0].set_result(completion("an answer"))
        await row
        assert held.is_renewed(), "it has just got an answer"
        held.be_silent()
        assert not held.is_renewed()

    asyncio.run(run_row())
