"""Whether the engine's memory grows with the requests that it has served: it must not."""

import os
import random
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import Engine, EngineConfig, Request, Sampling

REQUESTS = 20_000
FIRST_REQUESTS = 2_000
IN_FLIGHT = 256
ALLOWED_GROWTH = 0.05
VOCABULARY = 256  # of the tiny model: a token for each byte
KV_CACHE_BYTES = 4 << 20  # full after the first requests, and with it the prefix cache's index
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes after the first requests and after the last."""

    early_bytes: int
    late_bytes: int

    @property
    def growth(self) -> float:
        """As a share of the early bytes; below 0 if it has shrunk."""
        return self.late_bytes / self.early_bytes - 1

    @property
    def holds(self) -> bool:
        """Whether memory stayed within what is allowed."""
        return self.growth <= ALLOWED_GROWTH


def measure(folder: Path) -> Memory:
    """Serve short requests of every length that there is through one engine with a tiny model."""
    save_tiny_model(folder)
    with Engine(EngineConfig(model=str(folder), device="cpu", kv_cache_bytes=KV_CACHE_BYTES)) as engine:
        draw = random.Random(0)  # noqa: S311
        _serve(engine, draw, FIRST_REQUESTS)
        early = _resident_bytes()
        _serve(engine, draw, REQUESTS - FIRST_REQUESTS)
        engine.check_integrity()
        return Memory(early, _resident_bytes())


def _serve(engine: Engine, draw: random.Random, count: int) -> None:
    waiting: deque[Future[Any]] = deque()
    for _ in range(count):
        if len(waiting) == IN_FLIGHT:
            waiting.popleft().result()
        waiting.append(engine.submit(_request(draw)))
    for future in waiting:
        future.result()


def _request(draw: random.Random) -> Request:
    prompt = [draw.randrange(2, VOCABULARY) for _ in range(draw.randint(4, 48))]
    sampling = Sampling(max_tokens=draw.randint(1, 8), ignore_eos=True)
    return Request(prompt_token_ids=prompt, sampling=sampling)


def _resident_bytes() -> int:
    if not STATM.is_file():
        raise OSError("resident memory is read from /proc, which this system does not have: run it on Linux")
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def save_tiny_model(folder: Path) -> None:
    """A llama with random weights and a tokenizer of bytes: the engine's own work is what is measured."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    fast = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(alphabet)}, merges=[]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=fast).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
