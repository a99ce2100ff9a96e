"""What scheduling costs a step while many run and very many wait, with a model that takes no time."""

import time
from dataclasses import dataclass
from statistics import median

from engine.blocks import BlockPool
from engine.request import FinishReason, Sampling
from engine.scheduler import Scheduler
from engine.sequence import Sequence
from engine.work import Generation, Sampled

PROMPT_TOKENS = 200
OUTPUT_TOKENS = 64
BLOCK_TOKENS = 8
BATCH_TOKENS = 8192
WARM_UP_STEPS = 2 * OUTPUT_TOKENS  # by then as many sequences begin in a step as end


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Milliseconds of `schedule` and `complete` a step, and how many sequences these steps were about."""

    steps: int
    median_ms: float
    max_ms: float
    least_running: int
    least_waiting: int


def measure(running: int = 256, waiting: int = 100_000, steps: int = 400) -> StepTimes:
    """Fill a scheduler and step through it; each sequence that ends makes room for a waiting one."""
    # A sequence takes OUTPUT_TOKENS / 2 steps in the mean, and the first ones fewer: so many end at most.
    ending = 2 * running * (WARM_UP_STEPS + steps) // OUTPUT_TOKENS + OUTPUT_TOKENS
    scheduler = _full_scheduler(running, running + waiting + ending)
    measured = [_step(scheduler) for _ in range(WARM_UP_STEPS + steps)][WARM_UP_STEPS:]
    times = [milliseconds for milliseconds, _ in measured]
    least_running = min(sequences for _, sequences in measured)
    return StepTimes(steps, median(times), max(times), least_running, scheduler.num_waiting)


def _full_scheduler(running: int, sequences: int) -> Scheduler:
    blocks = running * -(-(PROMPT_TOKENS + OUTPUT_TOKENS) // BLOCK_TOKENS)
    scheduler = Scheduler(BlockPool(blocks + running), BLOCK_TOKENS, BATCH_TOKENS, running)
    for number in range(sequences):
        # No two alike, or the prefix cache would do the work.
        prompt = [number, *range(PROMPT_TOKENS - 1)]
        sampling = Sampling(max_tokens=1 + number % OUTPUT_TOKENS)
        sequence = Sequence(prompt, Generation(sampling, frozenset(), seed=0, stream=None))
        scheduler.prepare(sequence)  # as the caller's thread does
        scheduler.add(sequence)
    return scheduler


def _step(scheduler: Scheduler) -> tuple[float, int]:
    """One step: the milliseconds that the scheduler took of it, and the sequences that ran in it."""
    started = time.perf_counter()
    chunks = scheduler.schedule()
    scheduler.complete(chunks)
    milliseconds = (time.perf_counter() - started) * 1000
    for chunk in chunks:
        if chunk.is_last and (reason := chunk.sequence.append(Sampled(7))):
            scheduler.finish(chunk.sequence, _length(reason))
    return milliseconds, len(chunks)


def _length(reason: FinishReason) -> FinishReason:
    assert reason is FinishReason.LENGTH, "nothing stops these but their length"
    return reason
