"""A GPU that is none: it computes on the CPU at once, and shows up what would go wrong on a real one.

A copy back arrives when its event is waited for, and until then its target holds garbage; a copy's source may
not change before. A graph is the list of operations and kernels that ran while it was captured, with the
arguments that they had: replayed, it sees what lies in the same tensors, and nothing that Python has passed
since. What it gives is garbage until a replay, and again when another graph is replayed, for they share their
memory. What would wait for the device cannot be captured.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from triton.runtime.interpreter import InterpretedFunction

from engine.gpu.memory_budget import DeviceMemory

T = TypeVar("T")
GARBAGE = 0xA5  # as bytes: floats are small and negative, token ids and slots far beyond all there are
WAITING = ("_local_scalar_dense", "nonzero", "lift_fresh", "masked_select")
AMPLE = DeviceMemory(total=1 << 30, free=1 << 30, reserved=0, peak_allocated=0)


@dataclass(eq=False, slots=True)
class FakeEvent:
    """Copies that are done when it has been waited for."""

    _copies: list["_Copy"]

    def wait(self) -> None:
        """As `Event.wait`."""
        for copy in self._copies:
            copy.end()


@dataclass(eq=False, slots=True)
class _Copy:
    source: torch.Tensor
    sent: torch.Tensor
    target: torch.Tensor | None  # where it arrives in the end; None if it has arrived at once
    has_ended: bool = False

    def end(self) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        if self.target is None:
            assert torch.equal(self.source, self.sent), "pinned memory changed while a copy was on its way"
        else:
            with torch.inference_mode():
                self.target.copy_(self.sent)


@dataclass(eq=False, slots=True)
class FakeGraph:
    """Operations to run again."""

    device: "FakeDevice"
    operations: list[Callable[[], None]] = field(default_factory=list)
    memory: list[torch.Tensor] = field(default_factory=list)  # what was made during the capture

    def replay(self) -> None:
        """As `Graph.replay`."""
        self.device.num_replays += 1
        for graph in self.device.graphs:
            graph.spoil()
        for operation in self.operations:
            operation()

    def spoil(self) -> None:
        """Leave garbage where the results were."""
        for tensor in self.memory:
            fill_with_garbage(tensor)


class FakeDevice:
    """As `Device`; it has as much memory as it is told."""

    torch_device = torch.device("cpu")
    num_multiprocessors = 4
    capability = (9, 0)

    def __init__(self, memory: DeviceMemory = AMPLE) -> None:
        self.num_replays = 0
        self.graphs: list[FakeGraph] = []
        self._memory = memory
        self._copies: list[_Copy] = []

    @property
    def num_on_their_way(self) -> int:
        """Copies to the host that nobody has waited for."""
        return sum(copy.target is not None and not copy.has_ended for copy in self._copies)

    @contextmanager
    def working(self) -> Iterator[None]:
        """As `Device.working`."""
        yield

    def pinned(self, num_bytes: int) -> torch.Tensor:
        """As `Device.pinned`."""
        return torch.full((num_bytes,), GARBAGE, dtype=torch.uint8)

    def upload(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """As `Device.upload`."""
        target.copy_(source)
        self._start(_Copy(source, source.clone(), None))

    def download(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """As `Device.download`."""
        on_their_way = [copy.target for copy in self._copies if copy.target is not None]
        assert all(target.data_ptr() != other.data_ptr() for other in on_their_way), "two copies to one place"
        fill_with_garbage(target)
        self._start(_Copy(source, source.clone(), target))

    def event(self) -> FakeEvent:
        """As `Device.event`."""
        return FakeEvent(list(self._copies))

    def capture(self, function: Callable[[], T]) -> tuple[FakeGraph, T]:
        """As `Device.capture`."""
        graph = FakeGraph(self)
        with _Recording(graph), _kernels_recorded(graph):
            result = function()
        graph.spoil()
        self.graphs.append(graph)
        return graph, result

    def memory(self) -> DeviceMemory:
        """As `Device.memory`."""
        return self._memory

    def reset_peak(self) -> None:
        """As `Device.reset_peak`."""

    def _start(self, copy: _Copy) -> None:
        self._copies = [other for other in self._copies if not other.has_ended] + [copy]


class _Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes each of torch's operations into a graph."""

    def __init__(self, graph: FakeGraph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph = graph

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        assert func.overloadpacket.__name__ not in WAITING, f"{func} waits for the device"
        given = {_storage(tensor) for tensor in _tensors((args, kwargs))}
        result = func(*args, **kwargs)
        made = [tensor for tensor in _tensors(result) if _storage(tensor) not in given]
        self._graph.memory += made

        def run_again() -> None:
            again = [t for t in _tensors(func(*args, **kwargs)) if _storage(t) not in given]
            for tensor, new in zip(made, again, strict=True):
                tensor.copy_(new)

        self._graph.operations.append(run_again)
        return result


@contextmanager
def _kernels_recorded(graph: FakeGraph) -> Iterator[None]:
    """Writes launches of Triton's kernels into a graph, too: they are no operations of torch's."""
    run = InterpretedFunction.run

    def recorded(kernel: Any, *args: Any, **options: Any) -> None:
        def run_again() -> None:
            with _disable_current_modes():
                run(kernel, *args, **options)

        run_again()
        graph.operations.append(run_again)

    InterpretedFunction.run = recorded
    try:
        yield
    finally:
        InterpretedFunction.run = run


def fill_with_garbage(tensor: torch.Tensor) -> None:
    """Of any dtype."""
    if tensor.is_contiguous() and tensor.numel():
        tensor.flatten().view(torch.uint8).fill_(GARBAGE)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
