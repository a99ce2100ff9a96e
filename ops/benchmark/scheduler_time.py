"""What scheduling costs a step while 256 sequences run and 100,000 wait, with a model that takes no time."""

import time
from dataclasses import dataclass
from statistics import median

from engine.blocks import BlockPool
from engine.request import FinishReason, Sampling
from engine.scheduler import Scheduler
from engine.sequence import Sequence
from engine.work import Generation, Sampled

RUNNING = 256
WAITING = 100_000
STEPS = 400
PROMPT_TOKENS = 200
OUTPUT_TOKENS = 64
BLOCK_TOKENS = 16
BATCH_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Milliseconds of `schedule` and `complete` a step."""

    steps: int
    median_ms: float
    max_ms: float


def measure() -> StepTimes:
    """Fill the scheduler, then step through it; each sequence that ends makes room for a waiting one."""
    scheduler = _full_scheduler()
    while len(scheduler.running) < RUNNING:
        _step(scheduler)
    times = [_step(scheduler) for _ in range(STEPS)]
    assert scheduler.num_waiting > WAITING - 10 * STEPS
    return StepTimes(STEPS, median(times), max(times))


def _full_scheduler() -> Scheduler:
    blocks = RUNNING * -(-(PROMPT_TOKENS + OUTPUT_TOKENS) // BLOCK_TOKENS)
    scheduler = Scheduler(BlockPool(blocks + RUNNING), BLOCK_TOKENS, BATCH_TOKENS, RUNNING)
    for number in range(RUNNING + WAITING):
        # No two alike, or the prefix cache would do the work.
        prompt = [number, *range(PROMPT_TOKENS - 1)]
        sampling = Sampling(max_tokens=1 + number % OUTPUT_TOKENS)
        sequence = Sequence(prompt, Generation(sampling, frozenset(), seed=0, stream=None))
        scheduler.prepare(sequence)  # as the caller's thread does
        scheduler.add(sequence)
    return scheduler


def _step(scheduler: Scheduler) -> float:
    """One step, and the milliseconds that the scheduler took of it."""
    started = time.perf_counter()
    chunks = scheduler.schedule()
    scheduler.complete(chunks)
    milliseconds = (time.perf_counter() - started) * 1000
    for chunk in chunks:
        if chunk.is_last and (reason := chunk.sequence.append(Sampled(7))):
            scheduler.finish(chunk.sequence, _length(reason))
    return milliseconds


def _length(reason: FinishReason) -> FinishReason:
    assert reason is FinishReason.LENGTH, "nothing stops these but their length"
    return reason
