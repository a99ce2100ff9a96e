"""vLLM's offline `LLM`, in float32, with its own defaults for everything else but what the settings say."""

import os
import time
from typing import Any

from ops.benchmark.peers.protocol import Answer, Run, Turn, serve

# Read when vllm is imported. The model is a folder; nothing is to be looked up on a hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, sorted(os.sched_getaffinity(0)))))
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    import torch
    import vllm

    llm = vllm.LLM(model=settings["folder"], dtype="float32", max_model_len=8192, **settings["llm"])

    def run(turn: Turn) -> Answer:
        prompts = [vllm.TokensPrompt(prompt_token_ids=item.prompt) for item in turn.items]
        sampling = _guided(vllm, turn) if turn.labelling else _greedy(vllm, turn)
        started = time.perf_counter()
        outputs = llm.generate(prompts, sampling, use_tqdm=False)
        seconds = time.perf_counter() - started
        token_ids = [list(output.outputs[0].token_ids) for output in outputs]
        labels = _labels(turn, [output.outputs[0].text for output in outputs])
        return Answer(seconds, [len(ids) for ids in token_ids], token_ids, labels)

    return run, {"vllm": vllm.__version__, "torch": torch.__version__}


def _greedy(vllm: Any, turn: Turn) -> list[Any]:
    return [
        vllm.SamplingParams(temperature=0, max_tokens=item.max_tokens, ignore_eos=True, detokenize=False)
        for item in turn.items
    ]


def _guided(vllm: Any, turn: Turn) -> Any:
    assert turn.labelling is not None
    from vllm.sampling_params import StructuredOutputsParams

    guide = StructuredOutputsParams(choice=turn.labelling.choices)
    return vllm.SamplingParams(temperature=0, max_tokens=16, structured_outputs=guide)


def _labels(turn: Turn, texts: list[str]) -> list[int | None]:
    choices = turn.labelling.choices if turn.labelling else []
    numbers = {choice.strip(): number for number, choice in enumerate(choices)}
    return [numbers.get(text.strip()) for text in texts] if choices else []


if __name__ == "__main__":
    serve(load)
