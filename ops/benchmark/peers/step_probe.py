"""What the engine's steps were like: time to schedule, rows, KV that lay unused."""

import time
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from engine import Engine
from engine.scheduler import Scheduler
from engine.sequence import Chunk
from engine.work import Generation

# Counting slots takes longer than scheduling: done at every step, it would be seen in the engine's speed.
KV_EVERY = 8


@dataclass(slots=True)
class StepProbe:
    """Stands between an engine's loop and its scheduler, and notes each step."""

    scheduler_seconds: list[float] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    rows: list[tuple[int, int]] = field(default_factory=list)  # tokens computed, rows of logits wanted
    kv_waste: list[float] = field(default_factory=list)

    def watch(self, engine: Engine) -> None:
        """Put the probe into this engine, for good."""
        scheduler = engine._scheduler
        schedule, complete = scheduler.schedule, scheduler.complete

        def timed_schedule() -> list[Chunk]:
            started = time.perf_counter()
            chunks = schedule()
            self.scheduler_seconds.append(time.perf_counter() - started)
            return chunks

        def timed_complete(chunks: Seq[Chunk]) -> None:
            started = time.perf_counter()
            complete(chunks)
            self.scheduler_seconds[-1] += time.perf_counter() - started
            self._note(scheduler, chunks)

        scheduler.schedule = timed_schedule  # type: ignore[method-assign]
        scheduler.complete = timed_complete  # type: ignore[method-assign]

    def _note(self, scheduler: Scheduler, chunks: Seq[Chunk]) -> None:
        if len(self.sequences) % KV_EVERY == 0:
            self.kv_waste.append(kv_waste(scheduler))
        self.sequences.append(len(chunks))
        self.rows.append((sum(chunk.num_tokens for chunk in chunks), sum(map(logit_rows, chunks))))

    def take(self) -> dict[str, Any]:
        """The figures since the last time, in milliseconds and shares."""
        ms = [seconds * 1000 for seconds in self.scheduler_seconds]
        figures = {
            "steps": len(self.rows),
            "scheduler_ms_median": median(ms),
            "scheduler_ms_max": max(ms),
            "sequences_median": median(self.sequences),
            "sequences_max": max(self.sequences),
            "rows_median": median(rows for rows, _ in self.rows),
            "kv_waste": sum(self.kv_waste) / len(self.kv_waste),
            "rows": [list(pair) for pair in self.rows],
        }
        for noted in (self.scheduler_seconds, self.sequences, self.rows, self.kv_waste):
            noted.clear()
        return figures


def logit_rows(chunk: Chunk) -> int:
    """The rows of a chunk that go through the model's head."""
    if isinstance(chunk.sequence.work, Generation):
        return int(chunk.is_last)
    # Scoring: the prompt's last token and all nodes of the trie.
    return max(chunk.end - max(chunk.start, chunk.sequence.num_prompt_tokens - 1), 0)


def kv_waste(scheduler: Scheduler) -> float:
    """The share of the running sequences' slots that holds no token; a shared block counts once."""
    held: dict[int, int] = {}
    for sequence in scheduler.running:
        for index, block in enumerate(sequence.block_table):
            tokens = min(
                sequence.num_computed_tokens - index * scheduler.block_tokens, scheduler.block_tokens
            )
            held[block] = max(held.get(block, 0), tokens)
    return 1 - sum(held.values()) / (len(held) * scheduler.block_tokens) if held else 0.0
