"""transformers' `generate` over static batches, padded on the left."""

import time
from typing import Any

import torch
import transformers

from ops.benchmark.peers.protocol import Answer, Item, Run, Turn, serve
from ops.benchmark.peers.transformers_model import load_model


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    model = load_model(settings)
    pad: int = model.config.pad_token_id or 0
    if not settings.get("until_end"):
        model.generation_config.eos_token_id = None
    batch_rows: int = settings["batch_rows"]

    def run(turn: Turn) -> Answer:
        started = time.perf_counter()
        outputs: dict[int, list[int]] = {}
        for numbers in _batches(turn.items, batch_rows):
            rows = _generate(model, [turn.items[number] for number in numbers], pad)
            outputs |= zip(numbers, rows, strict=True)
        seconds = time.perf_counter() - started
        token_ids = [outputs[number] for number in range(len(turn.items))]
        return Answer(seconds, [len(ids) for ids in token_ids], token_ids)

    return run, {"transformers": transformers.__version__, "torch": torch.__version__}


def _batches(items: list[Item], batch_rows: int) -> list[list[int]]:
    """Sorted by the tokens to come, then by prompt: a batch takes as long as its longest row."""
    order = sorted(range(len(items)), key=lambda n: (items[n].max_tokens, len(items[n].prompt)))
    return [order[start : start + batch_rows] for start in range(0, len(order), batch_rows)]


@torch.inference_mode()
def _generate(model: Any, items: list[Item], pad: int) -> list[list[int]]:
    """Each row's own tokens: those that it was padded with, before and after, are left out."""
    width = max(len(item.prompt) for item in items)
    padding = [width - len(item.prompt) for item in items]
    prompts = [[pad] * more + item.prompt for more, item in zip(padding, items, strict=True)]
    output = model.generate(
        torch.tensor(prompts, device=model.device),
        attention_mask=torch.tensor(
            [[0] * more + [1] * (width - more) for more in padding], device=model.device
        ),
        max_new_tokens=max(item.max_tokens for item in items),
        do_sample=False,
        pad_token_id=pad,
    )
    rows = output[:, width:].tolist()
    return [row[: item.max_tokens] for row, item in zip(rows, items, strict=True)]


if __name__ == "__main__":
    serve(load)
