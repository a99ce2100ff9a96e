"""In bfloat16 an engine on a GPU is as near to float32 as transformers is."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine import Request, Sampling
from tests.engine.gpu.engines import ask_all, gpu_engine
from tests.engine.gpu.reference import DEVICE
from tests.engine.tiny import WINDOW, make_model, save_tokenizer

FAMILIES = ("qwen3", "llama", "qwen2", "mistral", "gemma2", "gemma3_text", "granite", "phi3")
SLOW = pytest.mark.skipif(DEVICE.type == "cpu", reason="needs a GPU: the interpreter takes minutes")
NUM_TOKENS = 8 if DEVICE.type == "cpu" else 64
MOST_NATS = 5e-2
# Two roundings of the same sums differ by chance: ours may be further off by this part of transformers' mean.
CHANCE = 1.25
PROMPT = [2 + 7 * n % 300 for n in range(WINDOW + 4)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where one model lies."""
    with TemporaryDirectory() as name:
        yield Path(name)


def save(family: str, folder: Path) -> None:
    """A tiny model of bfloat16 weights, whose logits lie a few nats apart, as those of real ones do."""
    save_tokenizer(folder)
    make_model(family, initializer_range=0.06).to(torch.bfloat16).save_pretrained(folder)


@torch.inference_mode()
def logprobs(folder: Path, dtype: torch.dtype, token_ids: list[int]) -> torch.Tensor:
    """Those of the last NUM_TOKENS tokens by transformers, float32."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    given = torch.tensor([token_ids], device=DEVICE)
    rows: torch.Tensor = (
        model.to(DEVICE).eval()(given).logits[0, -NUM_TOKENS - 1 : -1].float().log_softmax(-1)
    )
    return rows.gather(1, given[0, -NUM_TOKENS:, None])[:, 0].cpu()


@pytest.mark.parametrize("family", [FAMILIES[0], *(pytest.param(name, marks=SLOW) for name in FAMILIES[1:])])
def test_log_probabilities_are_as_near_to_float32_as_those_of_transformers(family: str, folder: Path) -> None:
    """Of tokens that the engine decoded, and that the others are told."""
    save(family, folder)
    sampling = Sampling(max_tokens=NUM_TOKENS, ignore_eos=True, temperature=1.0, seed=1, logprobs=0)
    with gpu_engine(folder, dtype="bfloat16", max_sequences=1) as engine:
        (answer,) = ask_all(engine, [Request(prompt_token_ids=PROMPT, sampling=sampling)])
    token_ids = [*PROMPT, *answer.token_ids]
    exact = logprobs(folder, torch.float32, token_ids)
    own_error = (torch.tensor(answer.logprobs) - exact).abs()
    other_error = (logprobs(folder, torch.bfloat16, token_ids) - exact).abs()
    assert own_error.max() < MOST_NATS
    assert own_error.mean() < CHANCE * other_error.mean()
