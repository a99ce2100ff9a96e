"""Models and engines that the engine's tests share."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from engine import Engine, EngineClosed, EngineConfig
from tests.engine.tiny import Reference, kv_bytes_per_token, save_model

BLOCK_TOKENS = 4
ModelFolder = Callable[[str], Path]
MakeEngine = Callable[..., Engine]


class References(dict[str, Reference]):
    """Models as transformers runs them, by family, loaded when they are first asked for."""

    def __init__(self, model_folder: ModelFolder) -> None:
        self._model_folder = model_folder

    def __missing__(self, family: str) -> Reference:
        return self.setdefault(family, Reference(self._model_folder(family)))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The folder of a tiny model of a family, made when it is first asked for."""
    return cache(lambda family: save_model(family, tmp_path_factory.mktemp(family)))


@pytest.fixture(scope="session")
def references(model_folder: ModelFolder) -> References:
    """The same models as transformers runs them."""
    return References(model_folder)


@pytest.fixture
def reference(references: dict[str, Reference]) -> Reference:
    """The tiny llama as transformers runs it."""
    return references["llama"]


@pytest.fixture
def make_engine(model_folder: ModelFolder) -> Iterator[MakeEngine]:
    """Makes engines over tiny models, and proves after the test that each has all its blocks back."""
    engines: list[Engine] = []

    def make(
        family: str = "llama",
        num_blocks: int = 256,
        max_batch_tokens: int | None = None,
        max_sequences: int = 64,
        block_tokens: int = BLOCK_TOKENS,
    ) -> Engine:
        kv_cache_bytes = num_blocks * block_tokens * kv_bytes_per_token(family)
        config = EngineConfig(
            model=str(model_folder(family)),
            device="cpu",
            block_tokens=block_tokens,
            kv_cache_bytes=kv_cache_bytes,
            max_batch_tokens=max_batch_tokens,
            max_sequences=max_sequences,
        )
        engines.append(Engine(config))
        return engines[-1]

    yield make
    for engine in engines:
        with suppress(EngineClosed):
            engine.check_integrity()
        stats = engine.stats()
        assert stats.blocks_free + stats.blocks_cached == stats.blocks_total
        engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    """A tiny llama with ample blocks."""
    return make_engine()
