"""What a shard has finished is not done again, whoever runs it next and however it ended before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from engine import EngineError, Request, Sampling
from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import FORMAT, Manifest
from jobs.outcome import Code, Counts, Outcome, Status, Usage
from jobs.shards import CorruptObjectError
from jobs.spec import SummarizeSpec
from jobs.stores import MemoryStore, StoreUnavailable
from tests.worker.checkpointing import JOB, ok, part, run, save
from tests.worker.fakes import Bench, completion, fake_ledger, fake_model, make_job, rows
from worker.checkpoint_file import decode_checkpoint, encode_checkpoint
from worker.checkpoints import Checkpoints
from worker.engine_messages import Result
from worker.retry import MAX_ATTEMPTS
from worker.shard_memory import Finished, SectionAnswer, ShardMemory


def test_rows_that_any_worker_has_finished_are_not_asked_again() -> None:
    bench = Bench()
    save(bench, [ok("r0")], "first")
    save(bench, [ok("r0"), Outcome.failed("r2", Code.TOO_LONG, "long")], "second")
    outcomes, engine = run(bench, "a", "b", "c", "d")
    assert [each.split()[-1] for each in engine.prompts] == ["b", "d"]
    assert [each.id for each in outcomes] == ["r0", "r1", "r2", "r3"]
    assert outcomes[0] == ok("r0")
    assert outcomes[2].code is Code.TOO_LONG


class RecordingLedger(Ledger):
    """Writes down the progress that it is told."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.reported: list[Counts] = []

    def report_progress(self, job_id: str, shard_no: int, counts: Counts) -> None:
        self.reported.append(counts)
        super().report_progress(job_id, shard_no, counts)


def test_progress_counts_what_was_finished_before() -> None:
    ledger = RecordingLedger(fake_ledger().client)
    bench = Bench(ledger=ledger)
    save(bench, [ok("r0")])
    run(bench, "a", "b")
    assert [counts.ok for counts in ledger.reported] == [2]


def test_a_shard_whose_every_row_is_finished_asks_nothing() -> None:
    bench = Bench()
    save(bench, [ok("r0"), ok("r1")])
    outcomes, engine = run(bench, "a", "b")
    assert outcomes == [ok("r0"), ok("r1")]
    assert engine.prompts == []


def test_rows_that_were_done_before_a_shard_broke_for_good_keep_their_results() -> None:
    bench = Bench()
    save(bench, [ok("r0")])
    manifest = make_job(bench.store, [rows("a", "b")])
    bench.ledger.open(manifest)
    model, _ = fake_model(lambda *_: EngineError("the step failed"))
    for _ in range(MAX_ATTEMPTS):
        bench.runner(model).run(JOB, 0)
    assert [each.code for each in part(bench, manifest)] == [None, Code.ENGINE_ERROR]


def test_rows_that_were_done_before_a_job_was_stopped_keep_their_results() -> None:
    bench = Bench()
    save(bench, [ok("r1")])
    outcomes, _ = run(bench, "a", "b", deadline=datetime.now(UTC) - timedelta(seconds=1))
    assert [each.status for each in outcomes] == [Status.EXPIRED, Status.OK]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"junk",
        encode_checkpoint(JOB, 1, [ok("r0")]),
        encode_checkpoint(JOB, 0, [ok("r0")])[:-20],
        encode_checkpoint(JOB, 0, [ok("r0")]).replace(b'"ok"', b'"odd"'),
        encode_checkpoint(JOB, 0, [ok("r0")]).replace(b'"format":%d' % FORMAT, b'"format":%d' % (FORMAT + 1)),
    ],
    ids=["empty", "junk", "another shard's", "cut off", "unreadable", "newer"],
)
def test_a_checkpoint_that_cannot_be_read_costs_work_and_no_shard(body: bytes) -> None:
    bench = Bench()
    bench.store.put(layout.checkpoint(JOB, 0, "another"), body)
    save(bench, [ok("r1")], "third")
    outcomes, engine = run(bench, "a", "b")
    assert [each.split()[-1] for each in engine.prompts] == ["a"]
    assert [each.status for each in outcomes] == [Status.OK] * 2


class BlinkingStore(MemoryStore):
    is_away = False
    num_puts = 0

    def put(self, key: str, body: bytes) -> None:
        if self.is_away:
            raise StoreUnavailable("the store is away")
        self.num_puts += 1
        super().put(key, body)


def test_a_checkpoint_is_written_only_when_there_is_news_and_a_store_that_is_away_costs_one() -> None:
    store = BlinkingStore()
    make_job(store, [rows("a")])
    store.num_puts = 0
    checkpoints = Checkpoints(store, "me")
    with checkpoints.opened(JOB, 0) as memory:
        checkpoints.save_all()
        assert store.num_puts == 0
        memory.keep_outcome(ok("r0"))
        store.is_away = True
        checkpoints.save_all()
        store.is_away = False
        checkpoints.save_all()
        checkpoints.save_all()
        assert store.num_puts == 1
    assert checkpoints.read(JOB, 0).outcomes == {"r0": ok("r0")}


def test_whatever_ends_a_shard_early_its_finished_rows_are_saved() -> None:
    store = MemoryStore()
    make_job(store, [rows("a"), rows("b", start=1)])
    checkpoints = Checkpoints(store, "me")

    def break_off() -> None:
        with checkpoints.opened(JOB, 0) as memory:
            memory.keep_outcome(ok("r0"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    assert checkpoints.read(JOB, 0).outcomes == {"r0": ok("r0")}
    with checkpoints.opened(JOB, 1) as memory:
        memory.keep_outcome(ok("r0"))
    assert not checkpoints.read(JOB, 1).outcomes, "a shard that came to its end has its part"


def test_only_rows_that_came_to_an_end_of_their_own_are_kept() -> None:
    memory = ShardMemory()
    memory.keep_outcome(Outcome.stopped("r0", Status.CANCELLED))
    memory.keep_outcome(Outcome.stopped("r1", Status.EXPIRED))
    assert memory.snapshot() == (0, [])


_ASKED = Request(prompt_token_ids=[1, 2, 3], sampling=Sampling(max_tokens=5))


def test_an_answer_counts_for_the_very_request_that_it_was_given_to() -> None:
    memory = ShardMemory()
    memory.keep_section("r0", _ASKED, completion("a summary"))
    found = memory.section("r0", _ASKED)
    assert found is not None
    assert (found.text, found.usage) == (
        "a summary",
        Usage(prompt_tokens=3, cached_tokens=1, output_tokens=1),
    )
    assert memory.section("r0", replace(_ASKED, prompt_token_ids=[1, 2, 4])) is None
    assert memory.section("r0", replace(_ASKED, sampling=Sampling(max_tokens=6))) is None
    assert memory.section("r1", _ASKED) is None


_ROW_IDS = st.sampled_from(["r0", "r1", "zwei\n", "\u2028"])
_FINISHED = st.one_of(
    st.builds(ok, _ROW_IDS, st.text()),
    st.builds(Outcome.failed, _ROW_IDS, st.sampled_from(Code), st.text()),
    st.builds(SectionAnswer, row_id=_ROW_IDS, asked=st.sampled_from(["x", "y"]), text=st.text()),
)


@given(st.lists(_FINISHED, max_size=12))
def test_what_is_saved_is_read_again_and_sections_of_finished_rows_are_dropped(
    finished: list[Finished],
) -> None:
    _, saved = ShardMemory(finished).snapshot()
    again = ShardMemory(decode_checkpoint(encode_checkpoint(JOB, 0, saved), JOB, 0))
    assert again.snapshot() == (0, saved)
    ended = {each.id for each in finished if isinstance(each, Outcome)}
    assert set(again.outcomes) == ended
    open_rows = {each.row_id for each in finished if isinstance(each, SectionAnswer)} - ended
    assert {each.row_id for each in saved if isinstance(each, SectionAnswer)} == open_rows


def test_a_checkpoint_that_cannot_be_read_does_not_quote_its_rows() -> None:
    body = encode_checkpoint(JOB, 0, [ok("r0", "secret")]).replace(b'"ok"', b'"secret"')
    with pytest.raises(CorruptObjectError) as error:
        decode_checkpoint(body, JOB, 0)
    assert "secret" not in str(error.value)


BOOK = "\n\n".join(f"Paragraph {n} has exactly eight words in it." for n in range(60))


def test_a_book_that_is_given_back_goes_on_with_the_sections_that_it_lacks() -> None:
    """And its summary and usage are those of a run that nobody disturbed."""
    model, engine = fake_model(lambda *_: completion(" this."))
    spec = SummarizeSpec(max_words=10, section_tokens=100)

    def job(bench: Bench) -> Manifest:
        manifest = make_job(bench.store, [rows(BOOK)], spec=spec)
        bench.ledger.open(manifest)
        return manifest

    calm, bench = Bench(), Bench()
    undisturbed = job(calm)
    calm.runner(model).run(JOB, 0)
    asked = engine.prompts.copy()

    manifest = job(bench)
    leases = bench.leases()
    drain = bench.drain(leases)
    engine.prompts.clear()

    def answer_three(_prompt: str, _request: Request) -> "Result | None":
        if len(engine.prompts) <= 3:
            return completion(" this.")
        if len(engine.prompts) == 4:
            drain.on_signal()
            drain.on_signal()
        return None

    engine.answer = answer_three
    bench.runner(model, leases, drain).run(JOB, 0)
    assert bench.outbox.take() == [f"{JOB}/0"]
    first = engine.prompts[:3]
    engine.prompts.clear()

    engine.answer = lambda *_: completion(" this.")
    bench.runner(model, worker_id="another").run(JOB, 0)
    assert sorted(engine.prompts + first) == sorted(asked)
    assert part(bench, manifest) == part(calm, undisturbed)
