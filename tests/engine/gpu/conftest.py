"""Kernels run under Triton's interpreter, or on a GPU if TRITON_INTERPRET is 0."""

import importlib
from collections.abc import Iterator

import numpy as np
import pytest

from tests.interpreter import HAS_TRITON, IS_WANTED, VARIABLE

KERNELS = ("fused_decoder", "kv_write", "paged_decode", "paged_prefill", "rms_norm", "rotary", "swiglu")
# What else needs triton.
OTHERS = (
    "bfloat16",
    "compilation",
    "fake_device",
    "gpu_engine",
    "gpu_memory",
    "gpu_runner",
)
collect_ignore = [] if HAS_TRITON else [f"test_{name}.py" for name in (*KERNELS, *OTHERS)]

if HAS_TRITON:
    with pytest.MonkeyPatch.context() as _patch:
        _patch.setenv(VARIABLE, "1" if IS_WANTED else "0")
        for _name in KERNELS:
            importlib.import_module(f"engine.gpu.{_name}")
        _rounding = importlib.import_module("tests.engine.gpu.rounding")


@pytest.fixture(scope="session", autouse=True)
def _triton_is_as_wanted() -> None:
    if HAS_TRITON:
        standard = importlib.import_module("triton.language.standard")
        is_interpreted = type(standard.cdiv).__name__ == "InterpretedFunction"
        assert is_interpreted == IS_WANTED, "something imported triton before tests/interpreter.py did"


@pytest.fixture(scope="module", autouse=True)
def _interpreter() -> Iterator[None]:
    """Set while kernels run, too; 2 to a large power is inf there, and bfloat16 is rounded, as on a GPU."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        if IS_WANTED:
            patch.setenv(VARIABLE, "1")
            _rounding.round_to_nearest(patch)
        yield
