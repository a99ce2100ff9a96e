"""Triton's interpreter, which runs GPU kernels on a CPU.

Whether triton interprets is decided when it is first imported, and torch imports it when it likes. So the
tests import it before torch, with TRITON_INTERPRET set, and then put the variable back: processes that tests
start shall not inherit it. `TRITON_INTERPRET=0` in the environment has the kernels run on a GPU.
"""

import importlib
import importlib.util
import os

import pytest

VARIABLE = "TRITON_INTERPRET"
HAS_TRITON = importlib.util.find_spec("triton") is not None
IS_WANTED = HAS_TRITON and os.environ.get(VARIABLE) != "0"

if HAS_TRITON:
    with pytest.MonkeyPatch.context() as _patch:
        _patch.setenv(VARIABLE, "1" if IS_WANTED else "0")
        importlib.import_module("triton")
