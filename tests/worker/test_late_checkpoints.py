"""A checkpoint that comes late: after its job's end it leaves no object, before it it stays."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from jobs import layout
from jobs.manifest import Manifest
from jobs.remove import remove
from jobs.stores import MemoryStore
from tests.worker.checkpointing import JOB, ok
from tests.worker.fakes import Bench, make_job, rows
from worker.checkpoints import Checkpoints
from worker.finish import Finisher
from worker.settle import Settler


class LateStore(MemoryStore):
    """A checkpoint's put takes so long that `meanwhile` comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], object]] = []

    def put(self, key: str, body: bytes) -> None:
        if "/checkpoints/" in key:
            while self.meanwhile:
                self.meanwhile.pop()()
        super().put(key, body)


def _settle_and_finish(bench: Bench, manifest: Manifest) -> None:
    Settler(bench.store, bench.ledger, bench.dispatcher()).settle(manifest, 0, [ok("r0")])
    Finisher(bench.store, bench.ledger, bench.leases("another")).finish(JOB)


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_checkpoint_that_comes_after_the_jobs_end_leaves_no_object(is_removed: bool) -> None:
    store = LateStore()
    bench = Bench(store=store)
    manifest = make_job(store, [rows("a")])
    bench.ledger.open(manifest)
    if is_removed:
        store.meanwhile.append(lambda: remove(store, bench.ledger, JOB))
    store.meanwhile.append(lambda: _settle_and_finish(bench, manifest))
    checkpoints = Checkpoints(store, "paused")
    with suppress(InterruptedError), checkpoints.opened(JOB, 0) as memory:
        memory.keep_outcome(ok("r0"))
        checkpoints.save_all()
        assert store.exists(layout.report(JOB)) is not is_removed
        memory.keep_outcome(ok("r1"))
        raise InterruptedError  # which saves once more
    assert not list(store.list(layout.checkpoints_prefix(JOB)))
    assert bool(list(store.list(layout.job_prefix(JOB)))) is not is_removed


def test_a_checkpoint_of_a_shard_that_is_not_settled_stays() -> None:
    bench = Bench()
    make_job(bench.store, [rows("a")])
    checkpoints = Checkpoints(bench.store, "me")
    with checkpoints.opened(JOB, 0) as memory:
        memory.keep_outcome(ok("r0"))
        checkpoints.save_all()
    assert checkpoints.read(JOB, 0).outcomes == {"r0": ok("r0")}
