"""The engine: a model, its memory and a thread that steps through what has been submitted."""

from concurrent.futures import Future
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from engine.abilities import DECODER
from engine.assembly import Parts, assemble
from engine.config import EngineConfig
from engine.loop import StepLoop
from engine.models import ResolvedModel, resolve
from engine.request import EngineStats, Request


class Engine:
    """Continuous batching over one model; all methods may be called from any thread."""

    abilities = DECODER

    def __init__(self, config: EngineConfig, resolved: ResolvedModel | None = None) -> None:
        """Load the model, which need not be found again if it is `resolved`; raises ModelError."""
        self._start(assemble(config, resolved or resolve(config.model)))

    @classmethod
    def of(cls, parts: Parts) -> Self:
        """An engine of parts that are put together already."""
        engine = cls.__new__(cls)
        engine._start(parts)
        return engine

    def _start(self, parts: Parts) -> None:
        self.tokenizer = parts.tokenizer
        self.max_model_len = parts.limits.max_model_len
        self.num_layers = parts.limits.num_layers
        self.fingerprint = parts.fingerprint
        self.runs_on = parts.runs_on
        self._intake = parts.intake
        self._scheduler = parts.scheduler
        self._graph_counts = parts.graph_counts
        self._loop = StepLoop(parts.scheduler, parts.runner, parts.intake.answer_of)

    def submit(self, request: Request) -> "Future[Any]":
        """Run a request; the future gives a Completion, ChoiceScores, BestChoice or Embedding, by the kind
        of request, or Completions where `n` is above 1.

        Raises RequestError for a request that cannot be served, and EngineClosed. The future raises
        RequestError if a constraint turns out to be too complex or the model's numbers are not finite,
        EngineError if a step failed under the request, OutOfMemory if it fitted into no step, EngineClosed
        if the engine was closed, or broke, before its end.

        A callback of the future may run in the engine's thread, which does nothing else meanwhile: it may
        call any method of the engine, and must not wait for another future.
        """
        return self._loop.submit(*self._intake.sequences_of(request))

    def cancel(self, future: "Future[Any]") -> bool:
        """Stop a request, as `future.cancel()` does; False if it has already ended."""
        return future.cancel()

    def stats(self) -> EngineStats:
        """A glance from outside the engine's thread: each number is right, two may be a step apart."""
        scheduler, totals = self._scheduler, self._loop.totals
        return EngineStats(
            blocks_total=scheduler.pool.num_blocks,
            blocks_free=scheduler.pool.num_free,
            blocks_cached=scheduler.pool.num_cached,
            kv_wasted_tokens=scheduler.num_wasted_tokens,
            running=len(scheduler.running),
            waiting=scheduler.num_waiting,
            max_batch_tokens=scheduler.budget.tokens,
            preemptions=scheduler.num_preemptions,
            prefix_hit_tokens=scheduler.num_prefix_hit_tokens,
            graph_hits=self._graph_counts.hits,
            graph_misses=self._graph_counts.misses,
            **asdict(totals),
        )

    def reset_prefix_cache(self) -> None:
        """Forget the KV of prompts that have ended."""
        self._loop.call(self._scheduler.pool.reset_cache)

    def check_integrity(self) -> None:
        """Prove that no block has leaked: free + cached + held = all; an AssertionError says otherwise."""
        self._loop.call(self._scheduler.check_integrity)

    def close(self) -> None:
        """Stop after the current step; what has not ended by then fails with EngineClosed.

        Returns when that is done, or at once in a callback of a future, which runs in the engine's thread.
        """
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
