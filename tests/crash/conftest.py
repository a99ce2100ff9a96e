"""One tiny model for all crash tests, and a bench for each."""

from pathlib import Path

import pytest

from tests.crash.bench import CrashBench
from tests.engine.tiny import save_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("llama", tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture
def crash_bench(valkey_url: str, tiny_model: Path, tmp_path: Path) -> CrashBench:
    bench = CrashBench(tmp_path, valkey_url.replace("/0", "/6"), tiny_model)
    with bench.client as client:
        client.flushdb()
    return bench
