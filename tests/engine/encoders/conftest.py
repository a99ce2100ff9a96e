"""Tiny encoders that tests share, each made when it is first asked for."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine import EncoderEngine, EngineClosed, EngineConfig
from tests.engine.encoders.tiny import save_classifier, save_sentence_encoder

Folder = Callable[[str], Path]
Shared = Callable[[Path], EncoderEngine]
OpenEngine = Callable[..., EncoderEngine]
MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a family's model with labels."""
    return cache(lambda family: save_classifier(family, tmp_path_factory.mktemp(family)))


@pytest.fixture(scope="session")
def sentence_encoder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a family's base model with the mean of its tokens, made a unit vector."""
    return cache(lambda family: save_sentence_encoder(family, tmp_path_factory.mktemp(family), MEAN))


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Shared]:
    """The engine of a folder, for tests that leave it as it was."""
    engines: list[EncoderEngine] = []

    @cache
    def share(folder: Path) -> EncoderEngine:
        engines.append(EncoderEngine(EngineConfig(model=str(folder), device="cpu")))
        return engines[-1]

    yield share
    _close(engines)


@pytest.fixture
def open_encoder() -> Iterator[OpenEngine]:
    """Opens engines of a test's own."""
    engines: list[EncoderEngine] = []

    def open_one(folder: Path, **settings: Any) -> EncoderEngine:
        engines.append(EncoderEngine(EngineConfig(model=str(folder), device="cpu", **settings)))
        return engines[-1]

    yield open_one
    _close(engines)


def _close(engines: list[EncoderEngine]) -> None:
    for engine in engines:
        with suppress(EngineClosed):
            engine.check_integrity()
        engine.close()
