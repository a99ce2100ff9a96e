"""Looks at an engine's statistics while it works, from outside, and says what its steps were like."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from engine import EngineStats

# What is now; every other number of the statistics is a total since the start.
GAUGES = frozenset(
    {
        "blocks_total",
        "blocks_free",
        "blocks_cached",
        "kv_wasted_tokens",
        "running",
        "waiting",
        "max_batch_tokens",
        "last_batch_tokens",
        "last_batch_sequences",
    }
)

Totals = dict[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """A glance at the engine at a time."""

    at_s: float
    stats: EngineStats


@dataclass(frozen=True, slots=True)
class Steady:
    """The time in which every step decoded one token of each of so many sequences.

    `output_tokens` are those that had come since the turn's beginning by the middle of it.
    """

    seconds: float
    output_tokens: float
    totals: Totals


class Watch:
    """Takes a sample every so often while the block runs, one before it and one after it."""

    def __init__(self, stats: Callable[[], EngineStats], every_s: float) -> None:
        self.samples: list[Sample] = []
        self._stats = stats
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._take()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._take()

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self._take()

    def _take(self) -> None:
        stats = self._stats()
        self.samples.append(Sample(time.perf_counter(), stats))


def totals(first: EngineStats, last: EngineStats) -> Totals:
    """What each total has grown by; whatever the engine counts is among them."""
    before, after = asdict(first), asdict(last)
    return {name: after[name] - before[name] for name in after if name not in GAUGES}


def kv_waste(samples: Sequence[Sample], block_tokens: int) -> float | None:
    """The share of the held blocks' room without a token, in the mean over samples; None if none was held."""
    shares = []
    for stats in (sample.stats for sample in samples):
        held = stats.blocks_total - stats.blocks_free - stats.blocks_cached
        if held > 0 and stats.running:
            shares.append(min(stats.kv_wasted_tokens / (held * block_tokens), 1.0))
    return sum(shares) / len(shares) if shares else None


def steady(samples: Sequence[Sample], sequences: int) -> Steady | None:
    """The time from the first to the last sample after a step of one token a sequence, of as many as that."""
    fitting = [
        sample
        for sample in samples
        if sample.stats.last_batch_tokens == sample.stats.last_batch_sequences == sequences
        and sample.stats.running == sequences
    ]
    if not fitting or fitting[-1].stats.steps == fitting[0].stats.steps:
        return None
    first, last = fitting[0], fitting[-1]
    middle = (first.stats.output_tokens + last.stats.output_tokens) / 2 - samples[0].stats.output_tokens
    return Steady(last.at_s - first.at_s, middle, totals(first.stats, last.stats))
