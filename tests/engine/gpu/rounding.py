"""bfloat16 in Triton's interpreter, rounded as a GPU rounds it."""

from typing import Any

import numpy as np
import pytest
import torch
import triton.language as tl
from triton.runtime import interpreter


def round_to_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it do so; it would cut bits off (Triton 3.6, 3.7), and tests could not see where kernels round."""
    convert = interpreter._convert_float

    def convert_float(numbers: Any, source: Any, target: Any, mode: Any) -> Any:
        if source != tl.float32 or target != tl.bfloat16:
            return convert(numbers, source, target, mode)
        # A copy: what the interpreter broadcasts has no strides that torch takes.
        rounded = torch.from_numpy(np.array(numbers)).bfloat16()
        return rounded.view(torch.int16).numpy().view(np.uint16)

    monkeypatch.setattr(interpreter, "_convert_float", convert_float)
