"""The loop goes on after a failed step, and fails nobody who was not in it."""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq
from typing import Any

import pytest

from engine import EngineError
from engine.blocks import BlockPool
from engine.loop import StepLoop
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence
from tests.engine.fakes import FakeRunner, generation

MakeLoop = Callable[[FakeRunner, Callable[[Sequence], Any]], tuple[StepLoop, Scheduler]]
POISON = 13


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
