"""The kernels compile for the GPUs that they are for; a machine without one can tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

SHARED_BYTES = 227 << 10  # that a block may have on an H100 or H200


def test_kernels_compile_for_hopper_fit_it_and_round_as_they_are_written(tmp_path: Path) -> None:
    # A process of its own, for here they are interpreted.
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.engine.gpu.compilation", "--few"]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    kernels = [json.loads(line) for line in run.stdout.splitlines()]
    assert {kernel["kernel"] for kernel in kernels} == {
        "_attend_split",
        "_join_splits",
        "_attend_tile",
        "_write_token",
        "_norm_row",
        "_turn_tile",
        "_gate_tile",
    }
    for kernel in kernels:
        assert kernel["shared"] <= SHARED_BYTES, kernel
        assert kernel["spilled"] == 0, kernel
        assert kernel["unrounded"] == 0, kernel
