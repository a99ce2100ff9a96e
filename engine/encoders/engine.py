"""The engine of models that read a whole text at once; the face is `engine.engine.Engine`'s."""

from concurrent.futures import Future
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from engine.config import EngineConfig
from engine.encoders.assembly import assemble_encoder
from engine.loop import StepLoop
from engine.models import ResolvedModel, resolve
from engine.request import EngineStats, Request


class EncoderEngine:
    """Batches of texts of about one length over one model; all methods may be called from any thread."""

    def __init__(self, config: EngineConfig, resolved: ResolvedModel | None = None) -> None:
        """Load the model, which need not be found again if it is `resolved`; raises ModelError."""
        parts = assemble_encoder(config, resolved or resolve(config.model))
        self.tokenizer = parts.tokenizer
        self.max_model_len = parts.limits.max_model_len
        self.num_layers = parts.limits.num_layers
        self.fingerprint = parts.fingerprint
        self.runs_on = parts.runs_on
        self.abilities = parts.abilities
        self._intake = parts.intake
        self._scheduler = parts.scheduler
        self._loop = StepLoop(parts.scheduler, parts.runner, parts.intake.answer_of)

    def submit(self, request: Request) -> "Future[Any]":
        """Run a request; the future gives LabelScores or an Embedding, by the kind of request.

        Raises RequestError for a request that cannot be served, a RequestTooLong among them, and
        EngineClosed. What the future raises and what its callbacks may do is told at `Engine.submit`.
        """
        return self._loop.submit(self._intake.sequence_of(request))

    def cancel(self, future: "Future[Any]") -> bool:
        """Stop a request, as `future.cancel()` does; False if it has already ended."""
        return future.cancel()

    def stats(self) -> EngineStats:
        """A glance from outside the engine's thread: each number is right, two may be a step apart."""
        scheduler = self._scheduler
        return EngineStats(
            blocks_total=0,
            blocks_free=0,
            blocks_cached=0,
            kv_wasted_tokens=0,
            running=len(scheduler.running),
            waiting=scheduler.num_waiting,
            max_batch_tokens=scheduler.budget.tokens,
            preemptions=0,
            prefix_hit_tokens=0,
            padding_tokens=scheduler.num_padding_tokens,
            **asdict(self._loop.totals),
        )

    def check_integrity(self) -> None:
        """Prove that no text that waits is lost; an AssertionError says otherwise."""
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
