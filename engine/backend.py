"""What puts an engine together for one kind of device."""

from dataclasses import dataclass
from typing import Protocol

from engine.kv_cache import KVCache
from engine.protocols import Runner


@dataclass(frozen=True, slots=True)
class StepSizes:
    """The most that a step holds, and in what blocks its KV lies."""

    max_batch_tokens: int
    max_sequences: int
    block_tokens: int


@dataclass(slots=True)
class GraphCounts:
    """Steps that replayed a CUDA graph, and steps that launched their kernels one by one."""

    hits: int = 0
    misses: int = 0


class Backend(Protocol):
    """A model on its device, ready to be given memory for keys and values."""

    graph_counts: GraphCounts | None  # of its runner; None where there are no graphs

    def default_kv_cache_bytes(self, sizes: StepSizes, max_model_len: int) -> int:
        """What the device has to spare for KV; raises ModelError where that is too little."""

    def make_runner(self, kv_cache: KVCache, sizes: StepSizes, max_model_len: int) -> Runner:
        """What computes steps; raises ModelError where the model makes no sense."""
