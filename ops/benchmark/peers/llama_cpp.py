"""llama.cpp's server inside Python (`xllamacpp`), with continuous batching over its slots."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ops.benchmark.peers.protocol import Answer, Item, Run, Turn, serve


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    import xllamacpp

    server = xllamacpp.Server(_params(xllamacpp, settings))

    def complete(item: Item) -> int:
        answer = server.handle_completions(
            {
                "prompt": item.prompt,
                "n_predict": item.max_tokens,
                "max_tokens": item.max_tokens,
                "temperature": 0,
                "ignore_eos": True,
                "cache_prompt": False,
            }
        )
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return int(answer["usage"]["completion_tokens"])

    def run(turn: Turn) -> Answer:
        # A thread for every request: the server queues those that find no slot, as its HTTP side would.
        with ThreadPoolExecutor(len(turn.items)) as pool:
            started = time.perf_counter()
            num_tokens = list(pool.map(complete, turn.items))
            return Answer(time.perf_counter() - started, num_tokens)

    return run, {"xllamacpp": xllamacpp.__version__}


def _params(xllamacpp: Any, settings: dict[str, Any]) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = settings["gguf"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["slot_tokens"]
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = len(os.sched_getaffinity(0))
    return params


if __name__ == "__main__":
    serve(load)
