"""In which type tensor cores multiply."""

from typing import Any

import torch
import triton
import triton.language as tl

_OPERANDS = {torch.float16: tl.float16, torch.bfloat16: tl.bfloat16, torch.float32: tl.float32}


def operand_type(dtype: torch.dtype) -> Any:
    """That of the queries, as Triton calls it."""
    # The interpreter would multiply the bits of bfloat16 as if they were whole numbers (Triton 3.6, 3.7).
    if triton.knobs.runtime.interpret and dtype is torch.bfloat16:
        return tl.float32
    return _OPERANDS[dtype]
