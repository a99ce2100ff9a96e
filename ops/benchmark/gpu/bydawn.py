"""Our own engine in a process of its own, watched from outside while it has a turn."""

import time
from dataclasses import asdict
from typing import Any

import torch
import transformers

from engine import Engine, EngineConfig
from ops.benchmark.gpu.watch import Watch, kv_waste, steady, totals
from ops.benchmark.peers.asking import LABELLERS, generate
from ops.benchmark.peers.protocol import Answer, Run, Turn, serve

EVERY_S = 0.02


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    engine = Engine(EngineConfig(model=settings["folder"], **settings["engine"]))
    label = LABELLERS[settings["labels"]]
    sequences: int | None = settings["steady_sequences"]

    def run(turn: Turn) -> Answer:
        token_ids: list[list[int]] = []
        labels: list[int | None] = []
        with Watch(engine.stats, EVERY_S) as watch:
            started = time.perf_counter()
            if turn.labelling is None:
                token_ids = generate(engine, turn)
            else:
                labels = label(engine, [item.prompt for item in turn.items], turn.labelling)
            seconds = time.perf_counter() - started
        details = _details(watch, engine._scheduler.block_tokens, sequences)
        return Answer(seconds, [len(ids) for ids in token_ids], labels=labels, details=details)

    return run, {"transformers": transformers.__version__, "torch": torch.__version__}


def _details(watch: Watch, block_tokens: int, sequences: int | None) -> dict[str, Any]:
    samples = watch.samples
    window = None if sequences is None else steady(samples, sequences)
    return {
        "totals": totals(samples[0].stats, samples[-1].stats),
        "kv_waste": kv_waste(samples, block_tokens),
        "steady": None if window is None else asdict(window),
    }


if __name__ == "__main__":
    serve(load)
