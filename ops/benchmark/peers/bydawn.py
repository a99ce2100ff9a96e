"""Our own engine, in a process of its own like every other system."""

import time
from importlib.metadata import version
from typing import Any

from engine import Engine, EngineConfig
from ops.benchmark.peers.asking import LABELLERS, generate
from ops.benchmark.peers.protocol import Answer, Run, Turn, serve
from ops.benchmark.peers.step_probe import StepProbe


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    engine = Engine(EngineConfig(model=settings["folder"], **settings["engine"]))
    label = LABELLERS[settings["labels"]]
    probe = StepProbe()
    probe.watch(engine)

    def run(turn: Turn) -> Answer:
        started = time.perf_counter()
        if turn.labelling is None:
            token_ids, labels = generate(engine, turn), []
        else:
            token_ids, labels = [], label(engine, [item.prompt for item in turn.items], turn.labelling)
        seconds = time.perf_counter() - started
        return Answer(seconds, [len(ids) for ids in token_ids], token_ids, labels, probe.take())

    return run, {"bydawn": version("bydawn"), "torch": version("torch")}


if __name__ == "__main__":
    serve(load)
