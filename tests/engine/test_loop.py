"""The loop goes on after a failed step, and fails nobody who was not in it."""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq
from threading import Event
from typing import Any

import pytest

from engine import EngineClosed, EngineError
from engine.blocks import BlockPool
from engine.loop import StepLoop
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence
from tests.engine.fakes import FakeRunner, generation

MakeLoop = Callable[[FakeRunner, Callable[[Sequence], Any]], tuple[StepLoop, Scheduler]]
POISON = 13


def waiting_for(event: Event) -> Callable[[Seq[Chunk]], None]:
    """What keeps a step from ending before the test has added its callbacks."""

    def wait(_: Seq[Chunk]) -> None:
        event.wait(10)

    return wait


def num_output_tokens(sequence: Sequence) -> int:
    return len(sequence.output_token_ids)


@pytest.fixture
def make_loop() -> Iterator[MakeLoop]:
    made: list[tuple[StepLoop, Scheduler]] = []

    def make(runner: FakeRunner, answer_of: Callable[[Sequence], Any]) -> tuple[StepLoop, Scheduler]:
        scheduler = Scheduler(BlockPool(16), block_tokens=4, max_batch_tokens=16, max_sequences=1)
        made.append((StepLoop(scheduler, runner, answer_of), scheduler))
        return made[-1]

    yield make
    for loop, scheduler in made:
        loop.call(scheduler.check_integrity)
        loop.call(scheduler.check_idle)
        loop.close()


def refuse_poison(chunks: Seq[Chunk]) -> None:
    if any(chunk.sequence.token_ids[0] == POISON for chunk in chunks):
        raise RuntimeError("illegal address")


def test_a_failed_step_fails_its_sequences_and_the_next_go_on(make_loop: MakeLoop) -> None:
    loop, _ = make_loop(FakeRunner(refuse_poison), lambda sequence: sequence.output_token_ids)
    futures = [loop.submit(generation(9, 2, first_token=token)) for token in (1, POISON, 1)]
    assert futures[0].result(10) == [7, 7]
    with pytest.raises(EngineError, match="illegal address") as caught:
        futures[1].result(10)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert futures[2].result(10) == [7, 7]


def test_a_failed_step_leaves_no_prefix_that_was_not_computed(make_loop: MakeLoop) -> None:
    loop, scheduler = make_loop(FakeRunner(refuse_poison), lambda sequence: None)
    with pytest.raises(EngineError):
        loop.submit(generation(12, 1, first_token=POISON)).result(10)
    assert scheduler.pool.num_cached == 0


def test_an_answer_that_cannot_be_made_fails_only_its_request(make_loop: MakeLoop) -> None:
    def answer_of(sequence: Sequence) -> int:
        if sequence.token_ids[0] == POISON:
            raise ValueError("no such token")
        return 1

    loop, _ = make_loop(FakeRunner(), answer_of)
    futures = [loop.submit(generation(3, 1, first_token=token)) for token in (POISON, 1)]
    with pytest.raises(EngineError, match="no such token"):
        futures[0].result(10)
    assert futures[1].result(10) == 1


def test_a_call_gets_what_its_function_raises(make_loop: MakeLoop) -> None:
    loop, _ = make_loop(FakeRunner(), lambda sequence: None)

    def complain() -> None:
        raise AssertionError("a block has leaked")

    with pytest.raises(AssertionError, match="leaked"):
        loop.call(complain)


def test_a_callback_may_call_into_the_thread_that_it_runs_in(make_loop: MakeLoop) -> None:
    may_end = Event()
    loop, scheduler = make_loop(FakeRunner(waiting_for(may_end)), num_output_tokens)
    future, seen = loop.submit(generation(3, 1)), []
    future.add_done_callback(lambda _: loop.call(scheduler.check_integrity))
    future.add_done_callback(lambda _: seen.append(loop.call(lambda: "called")))
    may_end.set()
    assert loop.submit(generation(3, 2)).result(10) == 2
    assert seen == ["called"]


def test_a_callback_may_close_the_engine() -> None:
    may_end = Event()
    scheduler = Scheduler(BlockPool(16), block_tokens=4, max_batch_tokens=16, max_sequences=1)
    loop = StepLoop(scheduler, FakeRunner(waiting_for(may_end)), num_output_tokens)
    first, second = loop.submit(generation(3, 1)), loop.submit(generation(3, 1))
    first.add_done_callback(lambda _: loop.close())
    may_end.set()
    with pytest.raises(EngineClosed, match="was closed"):
        second.result(10)
    loop.close()


@pytest.mark.parametrize("raised", [SystemExit, CancelledError, ValueError])
def test_what_a_callback_raises_is_not_the_engines(make_loop: MakeLoop, raised: type[BaseException]) -> None:
    may_end = Event()

    def complain(_: object) -> None:
        raise raised

    def wait_and_refuse_poison(chunks: Seq[Chunk]) -> None:
        may_end.wait(10)
        refuse_poison(chunks)

    loop, _ = make_loop(FakeRunner(wait_and_refuse_poison), num_output_tokens)
    served, failed = loop.submit(generation(3, 1)), loop.submit(generation(3, 1, first_token=POISON))
    served.add_done_callback(complain)
    failed.add_done_callback(complain)
    may_end.set()
    assert loop.submit(generation(3, 2)).result(10) == 2
    assert served.result(10) == 1
    assert isinstance(failed.exception(10), EngineError)


def test_who_waits_when_the_engine_breaks_is_told_why() -> None:
    class BrokenScheduler(Scheduler):
        def complete(self, chunks: Seq[Chunk]) -> None:
            raise AssertionError("a block is held twice")

    scheduler = BrokenScheduler(BlockPool(16), block_tokens=4, max_batch_tokens=16, max_sequences=1)
    loop = StepLoop(scheduler, FakeRunner(), num_output_tokens)
    with pytest.raises(EngineClosed, match=r"broke .*a block is held twice") as caught:
        loop.submit(generation(3, 1)).result(10)
    assert isinstance(caught.value.__cause__, AssertionError)
    loop.close()
