"""A worker that can't start says why, and ends with 2."""

import pytest

from tests.crash.bench import CrashBench, start_stub_worker

pytestmark = pytest.mark.integration


def test_a_store_that_fails_only_once_the_model_is_loaded_is_told_in_a_line(crash_bench: CrashBench) -> None:
    store = crash_bench.folder / "store"
    store.mkdir()
    (store / "models").touch()  # a file, where what the worker serves is to be told
    worker = start_stub_worker(crash_bench.folder, "worker", 0.0, crash_bench.env)
    try:
        assert worker.process.wait(60) == 2
    finally:
        worker.process.kill()
        worker.process.wait()
    (line,) = [line for line in worker.said.splitlines() if "can't start" in line]
    assert str(store) in line
    assert "Traceback" not in worker.said
