"""A worker that is told to stop while its model is being loaded ends at once, and its engine with it."""

import signal
import subprocess
import sys

import psutil
import pytest

from jobs.ledger import Ledger
from tests.crash.bench import CrashBench
from tests.integration.commands import all_ended, environment, wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_with_code_0_and_no_child_while_its_model_loads(
    number: signal.Signals, crash_bench: CrashBench
) -> None:
    loading, log = crash_bench.folder / "loading", crash_bench.folder / "log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.slow_loader", str(loading)],
            env=environment({**crash_bench.env, "BYDAWN_LOG_LEVEL": "INFO"}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(loading.exists, 120, "the engine's process loads")
        children = psutil.Process(worker.pid).children(recursive=True)
        assert children
        worker.send_signal(number)
        assert worker.wait(timeout=30) == 0
        wait_until(lambda: all_ended(children), 10, "the end of all children")
    finally:
        worker.kill()
        worker.wait()
    assert "Traceback" not in log.read_text()
    assert "action=load model=" in log.read_text(), "minutes may pass until it says that it is ready"
    with crash_bench.client as client:
        assert not list(Ledger(client).workers())
