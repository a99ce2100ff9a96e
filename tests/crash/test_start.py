"""A worker that can't start says why, and ends with 2."""

import subprocess
import sys

import pytest

from tests.crash.bench import CrashBench, start_stub_worker
from tests.integration.commands import environment

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


def test_a_setting_that_is_refused_is_told_in_a_line_of_our_words() -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "worker"],
        env=environment({"BYDAWN_S3_KMS_KEY_ID": "k"}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = "bydawn worker can't start: BYDAWN_S3_KMS_KEY_ID needs BYDAWN_S3_ENCRYPTION=aws:kms\n"
    assert (refused.returncode, refused.stderr) == (2, said)
