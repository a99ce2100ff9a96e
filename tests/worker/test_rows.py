"""Every row of a shard ends in exactly one outcome, and a bad row fails alone."""

import asyncio
import threading

import pytest

from engine import EngineError, Request
from jobs.control import Halt
from jobs.manifest import Row
from jobs.outcome import Code, Counts, Outcome, RowError, Status
from jobs.spec import GenerateSpec
from jobs.stores import StoreUnavailable
from tests.worker.fakes import FakeEngine, completion, fake_model, rows
from worker.engine_messages import Result
from worker.halted import GivenBack
from worker.kinds import make_kind
from worker.rows import run_rows


def _text(row: Row) -> str:
    assert row.text is not None
    if row.text == "empty":
        raise RowError(Code.EMPTY_TEXT, "no text")
    if row.text == "parser bug":
        raise KeyError("secret contents")
    if row.text == "store away":
        raise StoreUnavailable("the store is away")
    return row.text


def _answer(prompt: str, _request: Request) -> "Result | Exception | None":
    if "hang" in prompt:
        return None
    return EngineError("the step failed") if "crash" in prompt else completion(f"re: {prompt}")


def _run(texts: list[str], watch: "list[Counts] | Halt | None" = None) -> tuple[list[Outcome], FakeEngine]:
    model, engine = fake_model(_answer)

    def look(counts: Counts) -> Halt | None:
        if isinstance(watch, list):
            watch.append(counts)
        return watch if isinstance(watch, Halt) else None

    kind = make_kind(GenerateSpec(), model)
    return asyncio.run(run_rows(rows(*texts), kind, _text, look)), engine


def test_outcomes_stand_in_the_rows_order_and_a_bad_row_fails_alone() -> None:
    seen: list[Counts] = []
    outcomes, _ = _run(["a", "empty", "b", "parser bug", "c"], seen)
    assert [(each.id, each.status, each.code) for each in outcomes] == [
        ("r0", Status.OK, None),
        ("r1", Status.FAILED, Code.EMPTY_TEXT),
        ("r2", Status.OK, None),
        ("r3", Status.FAILED, Code.INTERNAL_ERROR),
        ("r4", Status.OK, None),
    ]
    assert "secret contents" not in (outcomes[3].message or "")
    assert seen[-1].rows == 5


@pytest.mark.parametrize(("text", "error"), [("crash", EngineError), ("store away", StoreUnavailable)])
def test_what_is_no_rows_fault_breaks_the_shard_and_stops_its_other_requests(
    text: str, error: type[Exception]
) -> None:
    runs = threading.Event()

    def answer(prompt: str, request: Request) -> "Result | Exception | None":
        if "hang" in prompt:
            runs.set()
        return _answer(prompt, request)

    def read(row: Row) -> str:
        assert row.text == "hang" or runs.wait(10)
        return _text(row)

    model, engine = fake_model(answer)
    with pytest.raises(error):
        asyncio.run(run_rows(rows("hang", text), make_kind(GenerateSpec(), model), read, lambda _: None))
    assert "hang" in engine.prompts[0]
    assert engine.futures[0].cancelled()


def test_what_was_done_before_a_shard_broke_is_told_and_what_a_watch_raises_breaks_it() -> None:
    done = threading.Event()
    noted: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        noted.append(outcome)
        done.set()

    def read(row: Row) -> str:
        assert row.text == "a" or done.wait(10)
        return _text(row)

    def watch(_: Counts) -> Halt | None:
        raise InterruptedError("no more")

    for texts, error in ((("a", "crash"), EngineError), (("a", "hang"), InterruptedError)):
        model, _ = fake_model(_answer)
        with pytest.raises(error):
            asyncio.run(run_rows(rows(*texts), make_kind(GenerateSpec(), model), read, watch, note))
        assert [(each.id, each.status) for each in noted] == [("r0", Status.OK)]
        noted.clear()
        done.clear()


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.EXPIRED])
def test_a_stopped_job_keeps_what_is_done_and_cancels_the_rest_in_the_engine(status: Status) -> None:
    outcomes, engine = _run(["a", "hang", "b"], Halt(status, "as someone said"))
    assert [each.status for each in outcomes] == [Status.OK, status, Status.OK]
    assert "as someone said" in (outcomes[1].message or "")
    hanging = next(f for f, prompt in zip(engine.futures, engine.prompts, strict=True) if "hang" in prompt)
    assert hanging.cancelled()


def test_a_shard_that_is_given_back_ends_no_row_and_leaves_none_in_the_engine() -> None:
    model, engine = fake_model(_answer)
    run = run_rows(rows("a", "hang"), make_kind(GenerateSpec(), model), _text, lambda _: Halt(None, "paused"))
    with pytest.raises(GivenBack, match="paused"):
        asyncio.run(run)
    assert all(future.done() for future in engine.futures)


def test_a_shard_whose_rows_are_all_done_is_not_given_back() -> None:
    outcomes, _ = _run(["a", "b"], Halt(None, "paused"))
    assert [each.status for each in outcomes] == [Status.OK, Status.OK]
