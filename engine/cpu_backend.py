"""An engine's parts on a CPU."""

from typing import Any

import torch

from engine.backend import GraphCounts, StepSizes
from engine.config import Quantization
from engine.first_step import check_first_step
from engine.heads import Head
from engine.kv_cache import KVCache
from engine.lane_pass import LanePass
from engine.lanes import Lanes
from engine.loading import make_decoder
from engine.memory import default_kv_cache_bytes
from engine.runner import ModelRunner


class CpuBackend:
    """As `Backend`; `name` is the model's, for messages."""

    graph_counts: GraphCounts | None = None

    def __init__(self, model: Any, quantization: Quantization, name: str) -> None:
        self._name = name
        self._vocab_size: int = model.config.vocab_size
        self._decoder = make_decoder(model, quantization)
        self._head = Head(model)
        self._dtype = model.dtype

    def default_kv_cache_bytes(self, sizes: StepSizes, max_model_len: int) -> int:
        """As `Backend.default_kv_cache_bytes`."""
        return default_kv_cache_bytes()

    def make_runner(self, kv_cache: KVCache, sizes: StepSizes, max_model_len: int) -> ModelRunner:
        """As `Backend.make_runner`."""
        lane_pass = LanePass(self._decoder, self._head, kv_cache, self._dtype, torch.device("cpu"))
        runner = ModelRunner(lane_pass, Lanes(torch.get_num_threads()), sizes.block_tokens)
        check_first_step(runner, self._vocab_size, self._name)
        return runner
