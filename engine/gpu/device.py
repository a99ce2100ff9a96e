"""What the runner asks of a GPU besides tensors and kernels: the seam that tests put a fake behind."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import torch

from engine.gpu.memory_budget import DeviceMemory

T = TypeVar("T")


class Event(Protocol):
    """A point in the work that the device was given."""

    def wait(self) -> None:
        """Return when the device has got there."""


class Graph(Protocol):
    """Launches that were captured with all their arguments."""

    def replay(self) -> None:
        """Launch them again, with what now lies in the tensors that they read."""


class Device(Protocol):
    """One GPU and one stream of work on it, which everything below is queued to."""

    torch_device: torch.device
    num_multiprocessors: int
    capability: tuple[int, int]  # of CUDA: (9, 0) is Hopper

    def working(self) -> AbstractContextManager[None]:
        """Within it, this thread's tensors and kernels go to the stream."""

    def pinned(self, num_bytes: int) -> torch.Tensor:
        """Host memory, uint8, that copies need not wait for."""

    def upload(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """Queue a copy from pinned memory, which must not change before an event after this."""

    def download(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """Queue a copy to pinned memory, which holds it from an event after this on."""

    def event(self) -> Event:
        """The point after all that is queued by now."""

    def capture(self, function: Callable[[], T]) -> tuple[Graph, T]:
        """Record what the function launches without running it; the result's tensors are filled by replays.

        All graphs share one pool of memory: a replay overwrites what another graph's has left.
        """

    def memory(self) -> DeviceMemory:
        """A reading, when all that is queued is done."""

    def reset_peak(self) -> None:
        """Count the peak from now on, and give back what no tensor needs."""
