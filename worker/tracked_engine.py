"""The engine as one shard asks it: its lease learns of every question and every answer."""

from concurrent.futures import Future
from dataclasses import dataclass

from engine import Request
from worker.engine_messages import Result
from worker.leases import Leases, Unit
from worker.model import Submits


@dataclass(frozen=True, slots=True)
class TrackedEngine:
    """Hands everything on to `engine`."""

    engine: Submits
    leases: Leases
    unit: Unit

    def submit(self, request: Request) -> "Future[Result]":
        future = self.engine.submit(request)
        self.leases.asked(*self.unit)
        future.add_done_callback(lambda _: self.leases.answered(*self.unit))
        return future
