"""When memory runs out in a step, smaller steps are tried, and only what fits in none fails."""

import pickle
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq

import pytest
import torch

from engine import EngineClosed, EngineError, ModelError, OutOfMemory, RequestError, RequestTooLong
from engine.blocks import BlockPool
from engine.budget import GOOD_STEPS_TO_GROW, TokenBudget
from engine.errors import is_out_of_memory
from engine.loop import StepLoop
from engine.scheduler import Scheduler
from engine.sequence import Chunk
from tests.engine.fakes import FakeRunner, pooling, prompted

BLOCK_TOKENS = 4
GIANT = 13
Before = Callable[[Seq[Chunk]], None]


class Memory:
    """Room for steps of some tokens, and for no step with a giant in it."""

    def __init__(self, fitting_tokens: int) -> None:
        self.fitting_tokens = fitting_tokens
        self.tried: list[int] = []

    def take(self, chunks: Seq[Chunk]) -> None:
        num_tokens = sum(chunk.num_tokens for chunk in chunks)
        self.tried.append(num_tokens)
        giant = any(GIANT in chunk.sequence.token_ids for chunk in chunks)
        if giant or num_tokens > self.fitting_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def make_loop() -> Iterator[Callable[[Before], tuple[StepLoop, Scheduler]]]:
    made: list[tuple[StepLoop, Scheduler]] = []

    def make(before: Before) -> tuple[StepLoop, Scheduler]:
        scheduler = Scheduler(BlockPool(64), BLOCK_TOKENS, max_batch_tokens=32, max_sequences=8)
        loop = StepLoop(scheduler, FakeRunner(before), lambda sequence: sequence)
        made.append((loop, scheduler))
        return made[-1]

    yield make
    for loop, scheduler in made:
        loop.call(scheduler.check_integrity)
        loop.call(scheduler.check_idle)
        loop.close()


def test_a_step_is_halved_until_it_fits_and_nobody_hears_of_it(
    make_loop: Callable[[Before], tuple[StepLoop, Scheduler]],
) -> None:
    memory = Memory(fitting_tokens=8)
    loop, scheduler = make_loop(memory.take)
    futures = [loop.submit(prompted([first, *range(50, 80)], max_tokens=5)) for first in range(4)]
    assert [future.result(10).output_token_ids for future in futures] == [[7] * 5] * 4
    assert max(memory.tried[memory.tried.index(8) :]) == 8
    assert scheduler.budget.tokens == 8
    assert loop.totals.out_of_memory_retries == 2


def test_only_what_does_not_fit_alone_fails_and_the_others_go_on_at_their_pace(
    make_loop: Callable[[Before], tuple[StepLoop, Scheduler]],
) -> None:
    loop, scheduler = make_loop(Memory(fitting_tokens=32).take)
    futures = [loop.submit(prompted([first, 1, 2, 3, 4], max_tokens=9)) for first in (1, 2, GIANT, 3)]
    with pytest.raises(OutOfMemory, match="1 tokens: give the engine a smaller kv_cache_bytes") as caught:
        futures[2].result(10)
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)
    assert caught.value.code == "out_of_memory"
    assert [futures[n].result(10).output_token_ids for n in (0, 1, 3)] == [[7] * 9] * 3
    assert scheduler.budget.tokens >= BLOCK_TOKENS


def test_what_was_computed_before_memory_ran_out_is_not_computed_again(
    make_loop: Callable[[Before], tuple[StepLoop, Scheduler]],
) -> None:
    memory = Memory(fitting_tokens=32)
    computed: list[int] = []

    def take(chunks: Seq[Chunk]) -> None:
        if sum(computed) >= 64:
            memory.fitting_tokens = 4
        memory.take(chunks)
        computed.append(sum(chunk.num_tokens for chunk in chunks))

    loop, _ = make_loop(take)
    # Pooled: the prefix cache cannot help.
    assert loop.submit(pooling(range(100, 200))).result(10).work.total == [100.0, 200.0]
    assert sum(computed) == 100


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_what_says_that_memory_ran_out_is_understood(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("illegal address"), ValueError("out of memory"), KeyError(1)])
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_torch_really_says_so() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_a_budget_is_halved_to_a_block_and_then_to_one_token() -> None:
    budget = TokenBudget(50, block_tokens=16)
    sizes = [budget.tokens]
    while budget.shrink():
        sizes.append(budget.tokens)
    assert sizes == [50, 25, 16, 1]


def test_a_budget_doubles_after_many_good_steps_in_a_row_up_to_what_it_was() -> None:
    budget = TokenBudget(50, block_tokens=16)
    for _ in range(3):
        budget.shrink()
    sizes = []
    for _ in range(5):
        for _ in range(GOOD_STEPS_TO_GROW - 1):
            budget.note_good_step()
        sizes.append(budget.tokens)
        budget.note_good_step()
    assert sizes == [1, 16, 32, 50, 50]
    for _ in range(GOOD_STEPS_TO_GROW - 1):
        budget.note_good_step()
    budget.shrink()
    budget.note_good_step()
    assert budget.tokens == 25


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (EngineError, "step_failed"),
        (RequestError, "request"),
        (RequestTooLong, "too_long"),
        (OutOfMemory, "out_of_memory"),
        (ModelError, "model"),
        (EngineClosed, "closed"),
    ],
)
def test_an_error_keeps_its_message_and_code_across_a_pipe(kind: type[EngineError], code: str) -> None:
    error = pickle.loads(pickle.dumps(kind("what was wrong")))
    assert (type(error), str(error), error.code) == (kind, "what was wrong", code)
