"""Threads that compute a step side by side, each its own rows through the whole model.

On a CPU this beats splitting every operation over the cores: a matrix product of one thread wastes less than
a share of a product of several (`ops/BENCHMARKS.md`), nothing waits at the end of each operation, and what
lies between the products runs side by side as well.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")
# Below this many rows a lane's time goes into reading the weights, which every lane reads for itself.
MIN_ROWS = 4


class Lanes:
    """A pool of `num_cores` threads, the caller's included; for a GPU one, which is left as it is.

    Otherwise the lanes share the cores, and torch's number of threads is set for each of its own.
    """

    def __init__(self, num_cores: int) -> None:
        self._num_cores = num_cores
        self._pool = ThreadPoolExecutor(max(num_cores - 1, 1), thread_name_prefix="lane")

    def count(self, num_rows: int) -> int:
        """How many lanes a step of `num_rows` is worth."""
        return max(1, min(self._num_cores, num_rows // MIN_ROWS))

    def run(self, function: Callable[[PartT], ResultT], parts: Sequence[PartT]) -> list[ResultT]:
        """Call the function with each part, a lane each; raises what one raised when all have ended."""
        threads = self._num_cores // len(parts)

        def call(part: PartT) -> ResultT:
            if self._num_cores > 1:
                torch.set_num_threads(threads)
            return function(part)

        if len(parts) == 1:
            return [call(parts[0])]
        others = [self._pool.submit(call, part) for part in parts[1:]]
        try:
            first = call(parts[0])
        finally:
            wait(others)
        return [first, *(other.result() for other in others)]


class LayerProgress:
    """How far each lane has written its KV, for lanes that read it in the same step.

    Layers count as whole numbers; half a one more says that what the lane copies there is copied too.
    """

    def __init__(self, num_lanes: int) -> None:
        self._layers = [-1.0] * num_lanes
        self._moved = threading.Condition()

    def wrote(self, lane: int, layer: float) -> None:
        """A lane has written the KV of a layer and those below."""
        with self._moved:
            self._layers[lane] = layer
            self._moved.notify_all()

    def ended(self, lane: int) -> None:
        """A lane will write no more: its rows needed no deeper layer, or it failed, and the step with it."""
        self.wrote(lane, float("inf"))

    def wait(self, lanes: Iterable[int], layer: float) -> None:
        """Until these lanes have got as far."""
        with self._moved:
            self._moved.wait_for(lambda: all(self._layers[lane] >= layer for lane in lanes))
