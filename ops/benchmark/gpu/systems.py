"""The systems: which module runs each, with which settings, and what a reader must know of it. No I/O."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.benchmark.gpu.arithmetic import rows_that_fit
from ops.benchmark.gpu.shapes import Shape
from ops.benchmark.gpu.works import LABEL_ONLY, OURS, Work
from ops.benchmark.peers.protocol import Turn
from ops.benchmark.results import BASELINE, REFERENCE

MODEL_LEN = 4096  # nano-vllm's, and more than any work needs
CPU_STATIC_ROWS = 8
CPU_KV_CACHE_BYTES = 64 << 20
TINY_KV_TOKENS = 4096
MODULES = {
    OURS: "ops.benchmark.gpu.bydawn",
    LABEL_ONLY: "ops.benchmark.gpu.bydawn",
    BASELINE: "ops.benchmark.peers.transformers_continuous",
    REFERENCE: "ops.benchmark.peers.transformers_static",
}
NAMES = tuple(MODULES)
PEERS = (BASELINE, REFERENCE)  # which get a share of the work if they would take too long
NOTES = {
    OURS: "the engine's defaults; work b: the scores of all labels, less their prior",
    LABEL_ONLY: "only which label is best",
    BASELINE: "the manager behind `generate_batch`, with the memory, tokens a step and attention that it "
    "chooses; work b: it writes as many tokens as the longest label has",
    REFERENCE: "static `generate`, sorted by the tokens to come, as many rows as fit; work b: as above",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything runs, and how much of it."""

    device: str
    tiny: bool

    @property
    def on_gpu(self) -> bool:
        """Whether it is one."""
        return self.device.startswith("cuda")

    @property
    def dtype(self) -> str:
        """What the engine computes with there, and so what the peers do."""
        return "bfloat16" if self.on_gpu else "float32"

    @property
    def number_bytes(self) -> int:
        """Of a weight, a key or a value."""
        return 2 if self.on_gpu else 4


@dataclass(frozen=True, slots=True)
class Case:
    """A work with one model, which lies in a folder."""

    work: Work
    shape: Shape
    folder: Path

    def __str__(self) -> str:
        return f"{self.work.name}, {self.shape.name}"


def settings(name: str, case: Case, turn: Turn, place: Place, memory_bytes: int | None) -> dict[str, Any]:
    """What a system's process is started with for a work; the memory is a GPU's."""
    common: dict[str, Any] = {"folder": str(case.folder)}
    if name in (OURS, LABEL_ONLY):
        engine: dict[str, Any] = {"device": place.device, "max_model_len": MODEL_LEN}
        if not place.on_gpu:
            engine["kv_cache_bytes"] = CPU_KV_CACHE_BYTES
        labels = "best" if name == LABEL_ONLY else "all"
        return common | {"engine": engine, "labels": labels, "steady_sequences": case.work.steady_sequences}
    common |= {"device": place.device, "dtype": place.dtype}
    if name == BASELINE and place.tiny:
        common["kv_tokens"] = TINY_KV_TOKENS
    if name == REFERENCE:
        common["batch_rows"] = _static_rows(case.shape, turn, place, memory_bytes)
    return common


def _static_rows(shape: Shape, turn: Turn, place: Place, memory_bytes: int | None) -> int:
    if memory_bytes is None:
        return CPU_STATIC_ROWS
    longest = max(len(item.prompt) + item.max_tokens for item in turn.items)
    return rows_that_fit(memory_bytes, longest, shape, place.number_bytes)
