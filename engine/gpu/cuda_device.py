"""An NVIDIA GPU behind the runner's seam."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from engine.gpu.device import Graph
from engine.gpu.memory_budget import DeviceMemory

T = TypeVar("T")


class CudaEvent:
    """As `Event`."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        # Blocking: the host's thread that waits leaves its core to those that parse and tokenize.
        self._event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self._event.record(stream)

    def wait(self) -> None:
        """As `Event.wait`."""
        self._event.synchronize()


class CudaDevice:
    """As `Device`."""

    def __init__(self, torch_device: torch.device) -> None:
        self.torch_device = torch_device
        self.num_multiprocessors = torch.cuda.get_device_properties(torch_device).multi_processor_count
        self.capability = torch.cuda.get_device_capability(torch_device)
        # Not the default stream: that cannot be captured.
        self._stream = torch.cuda.Stream(torch_device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def working(self) -> Iterator[None]:
        """As `Device.working`."""
        with torch.cuda.stream(self._stream):
            yield

    def pinned(self, num_bytes: int) -> torch.Tensor:
        """As `Device.pinned`."""
        return torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)

    def upload(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """As `Device.upload`."""
        target.copy_(source, non_blocking=True)

    def download(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """As `Device.download`."""
        target.copy_(source, non_blocking=True)

    def event(self) -> CudaEvent:
        """As `Device.event`."""
        return CudaEvent(self._stream)

    def capture(self, function: Callable[[], T]) -> tuple[Graph, T]:
        """As `Device.capture`."""
        graph = torch.cuda.CUDAGraph()
        # Other threads may use other GPUs, or this one for an encoder, without breaking the capture.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            result = function()
        return graph, result

    def memory(self) -> DeviceMemory:
        """As `Device.memory`."""
        self._stream.synchronize()
        free, total = torch.cuda.mem_get_info(self.torch_device)
        reserved = torch.cuda.memory_reserved(self.torch_device)
        return DeviceMemory(total, free, reserved, torch.cuda.max_memory_allocated(self.torch_device))

    def reset_peak(self) -> None:
        """As `Device.reset_peak`."""
        self._stream.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.torch_device)
