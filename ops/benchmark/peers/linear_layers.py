"""The arithmetic ceiling: the model's linear layers alone, on random input, at some numbers of rows.

It answers no requests: whatever the turn, it times the layers that its settings name, plain `F.linear` or
those that the engine packs, with weights in 16 bits or in float32.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from engine.packed_linear import pack_linears
from ops.benchmark.peers.protocol import Answer, Run, Turn, serve

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
REPEATS = 2


def leave(model: nn.Module) -> None:
    """Plain `F.linear`, as torch has it."""


PACKERS: dict[str, Callable[[nn.Module], None]] = {
    "plain": leave,
    "packed": partial(pack_linears, fp16=True),
    "packed-fp32": partial(pack_linears, fp16=False),
}


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    model = AutoModelForCausalLM.from_pretrained(settings["folder"], dtype=torch.float32).eval()
    widths = {name: m.in_features for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    PACKERS[settings["layers"]](model)
    head = {"lm_head": widths.pop("lm_head")}

    def run(_: Turn) -> Answer:
        started = time.perf_counter()
        details = {
            "layers": {rows: _seconds(model, widths, rows) for rows in ROWS},
            "head": {rows: _seconds(model, head, rows) for rows in ROWS},
        }
        return Answer(time.perf_counter() - started, [], details=details)

    return run, {"torch": torch.__version__}


@torch.inference_mode()
def _seconds(model: nn.Module, widths: dict[str, int], rows: int) -> float:
    """The fastest of some passes through these layers."""
    layers = [(model.get_submodule(name), torch.randn(rows, width)) for name, width in widths.items()]
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for layer, given in layers:
            layer(given)
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    serve(load)
