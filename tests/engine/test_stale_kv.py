"""What one request leaves behind in a block cannot reach the next one that gets it."""

import shutil
from contextlib import suppress
from pathlib import Path

from safetensors.torch import load_file, save_file

from engine import Engine, EngineConfig, EngineError, Request, Sampling
from tests.engine.conftest import ModelFolder
from tests.engine.tiny import kv_bytes_per_token

BLOCK_TOKENS, NUM_BLOCKS = 16, 24
OVERFLOWING = 300  # a token whose keys and values are no numbers in float16
PROMPTS = [[7 + row, 8, 9, 10, 11, 12] for row in range(4)]


def overflowing_model(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][OVERFLOWING] = 60_000.0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def tokens(engine: Engine, prompts: list[list[int]]) -> list[tuple[int, ...]]:
    sampling = Sampling(max_tokens=8, ignore_eos=True)
    futures = [engine.submit(Request(prompt_token_ids=prompt, sampling=sampling)) for prompt in prompts]
    return [future.result(60).token_ids for future in futures]


def test_numbers_that_overflowed_in_one_request_do_not_spoil_the_next(
    model_folder: ModelFolder, tmp_path: Path
) -> None:
    folder = overflowing_model(model_folder("olmo2"), tmp_path / "overflowing")
    kv_cache_bytes = NUM_BLOCKS * BLOCK_TOKENS * kv_bytes_per_token("olmo2")
    engine = Engine(
        EngineConfig(
            model=str(folder),
            device="cpu",
            dtype="float16",
            block_tokens=BLOCK_TOKENS,
            kv_cache_bytes=kv_cache_bytes,
        )
    )
    try:
        before = tokens(engine, PROMPTS)
        for _ in range(6):
            spoil(engine)
        engine.reset_prefix_cache()
        assert tokens(engine, PROMPTS) == before
    finally:
        engine.close()


def spoil(engine: Engine) -> None:
    with suppress(EngineError):  # whether it is answered is not the question here
        tokens(engine, [[OVERFLOWING] * 30] * 3)
