"""Numbers that overflow fail the request whose text they are of, and reach no other."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from engine import Engine, EngineConfig, EngineError, Request, RequestError, Sampling
from tests.engine.conftest import ModelFolder
from tests.engine.tiny import kv_bytes_per_token

BLOCK_TOKENS, NUM_BLOCKS = 16, 24
OVERFLOWING = [300] * 30  # of a token whose keys and values are no numbers in float16
PROMPTS = [[7 + row, 8, 9, 10, 11, 12] for row in range(4)]


@pytest.fixture
def engine(model_folder: ModelFolder, tmp_path: Path) -> Iterator[Engine]:
    """A model of finite weights in float16, one of whose tokens overflows."""
    folder = Path(shutil.copytree(model_folder("olmo2"), tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][OVERFLOWING[0]] = 60_000.0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = EngineConfig(
        model=str(folder),
        device="cpu",
        dtype="float16",
        block_tokens=BLOCK_TOKENS,
        kv_cache_bytes=NUM_BLOCKS * BLOCK_TOKENS * kv_bytes_per_token("olmo2"),
    )
    with Engine(config) as made:
        yield made


def tokens(engine: Engine, prompts: list[list[int]]) -> list[tuple[int, ...]]:
    sampling = Sampling(max_tokens=8, ignore_eos=True)
    futures = [engine.submit(Request(prompt_token_ids=prompt, sampling=sampling)) for prompt in prompts]
    return [future.result(60).token_ids for future in futures]


def test_numbers_that_overflowed_in_one_request_do_not_spoil_the_next(engine: Engine) -> None:
    before = tokens(engine, PROMPTS)
    for _ in range(6):
        with suppress(EngineError):  # whether these are answered is not the question here
            tokens(engine, [OVERFLOWING] * 3)
    engine.reset_prefix_cache()
    assert tokens(engine, PROMPTS) == before


@pytest.mark.parametrize(
    "asked", [{"choices": ["a", "bug"]}, {"choices": ["a", "bug"], "best_only": True}, {"pool": "mean"}]
)
def test_scores_and_embeddings_that_are_no_numbers_fail_alone(engine: Engine, asked: dict[str, Any]) -> None:
    failed = engine.submit(Request(prompt_token_ids=OVERFLOWING, **asked))
    neighbour = engine.submit(Request(prompt_token_ids=PROMPTS[0], **asked))
    with pytest.raises(RequestError, match="numbers for this text are not finite"):
        failed.result(60)
    assert neighbour.result(60)
