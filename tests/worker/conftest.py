"""Engines in processes of their own, whose models are stubs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine import EngineConfig
from tests.worker import stub_engine
from worker.engine_process import EngineProcess


@pytest.fixture
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess(EngineConfig(model="stub"), stub_engine.main)
    yield process
    process.close()


@pytest.fixture
def engine_of(tmp_path: Path) -> Iterator[Callable[..., EngineProcess]]:
    """Makes engines whose folder is the test's."""
    with ExitStack() as stack:

        def make(max_model_len: int | None = None, stall_limit_s: float = 300.0) -> EngineProcess:
            config = EngineConfig(model=str(tmp_path), max_model_len=max_model_len)
            engine = EngineProcess(config, stub_engine.main, stall_limit_s)
            stack.callback(engine.close)
            return engine

        yield make
