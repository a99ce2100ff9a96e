"""transformers' continuous batching: the manager behind `generate_batch`, kept between turns.

`generate_batch` would make a new one with new memory for every call, and knows one limit for all requests.
On a GPU transformers chooses KV memory, tokens a step, graphs and, of what is installed, the attention.
"""

import time
from typing import Any

import torch
import transformers
from transformers import ContinuousBatchingConfig, GenerationConfig

from ops.benchmark.peers.protocol import Answer, Run, Turn, serve
from ops.benchmark.peers.transformers_model import load_model

# On a CPU its default takes 0.6 of the machine's memory, and masks for steps of 8,192 tokens.
KV_TOKENS = 65_536
STEP_TOKENS = 512


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    model = load_model(settings)
    generation = GenerationConfig(do_sample=False, eos_token_id=-1)
    kv_tokens = settings.get("kv_tokens", None if model.device.type == "cuda" else KV_TOKENS)
    manager = model.init_continuous_batching(generation, _config(kv_tokens))
    manager.start()

    def run(turn: Turn) -> Answer:
        started = time.perf_counter()
        names = [manager.add_request(item.prompt, max_new_tokens=item.max_tokens) for item in turn.items]
        outputs = _wait(manager, len(names))
        seconds = time.perf_counter() - started
        token_ids = [outputs[name] for name in names]
        return Answer(seconds, [len(ids) for ids in token_ids], token_ids)

    return run, {"transformers": transformers.__version__, "torch": torch.__version__}


def _config(kv_tokens: int | None) -> ContinuousBatchingConfig:
    if kv_tokens is None:
        return ContinuousBatchingConfig()
    config = ContinuousBatchingConfig(max_batch_tokens=STEP_TOKENS)
    config.num_blocks = kv_tokens // config.page_size
    return config


def _wait(manager: Any, count: int) -> dict[str, list[int]]:
    outputs: dict[str, list[int]] = {}
    while len(outputs) < count:
        result = manager.get_result(timeout=1)
        if result is None and not manager.is_running():
            raise RuntimeError("transformers' continuous batching has ended before its requests")
        if result is not None and result.error is not None:
            raise RuntimeError(result.error)
        if result is not None and result.is_finished():
            outputs[result.request_id] = list(result.generated_tokens)
    return outputs


if __name__ == "__main__":
    serve(load)
