"""A shard ends once: one conditional put of its part decides, and everybody agrees with it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs import layout
from jobs.outcome import Code, Outcome, Usage
from jobs.shards import decode_part, encode_part
from jobs.stores import MemoryStore, StoreUnavailable
from tests.worker.fakes import Bench, make_job, rows
from worker.settle import Settler
from worker.spool import Spool

JOB = "20260101t000000-00000001"


def _ok(*ids: str, by: str = "me") -> list[Outcome]:
    return [Outcome.ok(row_id, {"text": by}, Usage(prompt_tokens=2, output_tokens=1)) for row_id in ids]


class _UnreadableWinner(MemoryStore):
    """Another worker's part is there, and can't be read for the first few times."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals_left = 3

    def get(self, key: str) -> bytes | None:
        if key.startswith(layout.parts_prefix(JOB)) and self.refusals_left:
            self.refusals_left -= 1
            raise StoreUnavailable("away")
        return super().get(key)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def settler(bench: Bench) -> Settler:
    return Settler(bench.store, bench.ledger, bench.dispatcher())


def test_settling_tops_up_the_queue_and_the_last_sends_the_finish(bench: Bench, settler: Settler) -> None:
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1), rows("c", start=2)])
    bench.dispatcher().start(manifest)
    assert bench.outbox.take() == [f"{manifest.job_id}/0", f"{manifest.job_id}/1"]
    settler.settle(manifest, 0, _ok("r0"))
    assert bench.outbox.take() == [f"{manifest.job_id}/2"]
    settler.settle(manifest, 1, _ok("r1"))
    assert bench.outbox.take() == []
    settler.settle(manifest, 2, _ok("r2"))
    assert bench.outbox.take() == [f"{manifest.job_id}/finish"]


def test_the_loser_of_a_race_adopts_the_winners_part(bench: Bench, settler: Settler) -> None:
    manifest = make_job(bench.store, [rows("a", "b")])
    bench.ledger.open(manifest)
    settler.settle(manifest, 0, _ok("r0", "r1", by="winner"))
    settler.settle(manifest, 0, [Outcome.failed(f"r{n}", Code.ENGINE_ERROR, "loser") for n in (0, 1)])
    part = decode_part(bench.store.get(layout.part(manifest.job_id, 0)) or b"", manifest.job_id, 0)
    assert [outcome.result for outcome in part] == [{"text": "winner"}] * 2
    progress = bench.ledger.progress(manifest.job_id)
    assert progress is not None
    assert (progress.counts.ok, progress.counts.failed) == (2, 0)


def test_a_winners_part_that_cannot_be_read_for_now_is_adopted_when_it_can() -> None:
    store = _UnreadableWinner()
    bench = Bench(store=store)
    manifest = make_job(store, [rows("a")])
    bench.ledger.open(manifest)
    store.create(layout.part(JOB, 0), encode_part(JOB, 0, _ok("r0", by="winner")))
    settler = Settler(store, bench.ledger, bench.dispatcher(), Spool(first_pause_s=0.001))
    settler.settle(manifest, 0, [Outcome.failed("r0", Code.ENGINE_ERROR, "loser")])
    assert store.refusals_left == 0
    progress = bench.ledger.progress(JOB)
    assert progress is not None
    assert (progress.counts.ok, progress.counts.failed) == (1, 0)


def test_sixteen_workers_that_settle_one_shard_leave_one_part_and_one_count(
    bench: Bench, settler: Settler
) -> None:
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1)])
    bench.ledger.open(manifest)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: settler.settle(manifest, 0, _ok("r0", by=str(n))), range(16)))
    progress = bench.ledger.progress(manifest.job_id)
    assert progress is not None
    assert progress.settled_shards == progress.counts.ok == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"junk", encode_part(JOB, 1, _ok("r1")), encode_part(JOB, 0, _ok("r0", "r9"))],
    ids=["empty", "junk", "another shard's", "too many rows"],
)
def test_a_part_that_cannot_be_this_shards_is_moved_aside_and_the_shard_settled_anew(
    bench: Bench, settler: Settler, body: bytes
) -> None:
    manifest = make_job(bench.store, [rows("a"), rows("b", start=1)])
    bench.ledger.open(manifest)
    bench.store.put(layout.part(JOB, 0), body)
    assert settler.adopt(manifest, 0) is False
    assert bench.ledger.settled(JOB) == set()
    assert bench.store.get(layout.damaged_part(JOB, 0)) == body
    bench.store.put(layout.part(JOB, 0), body)
    settler.settle(manifest, 0, _ok("r0"))
    assert decode_part(bench.store.get(layout.part(JOB, 0)) or b"", JOB, 0) == _ok("r0")
    assert bench.ledger.settled(JOB) == {0}


def test_a_shard_without_a_part_is_not_adopted(bench: Bench, settler: Settler) -> None:
    manifest = make_job(bench.store, [rows("a")])
    bench.ledger.open(manifest)
    assert settler.adopt(manifest, 0) is False
