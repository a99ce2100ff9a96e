"""Rounding within a kernel as between modules, which leave what they give in memory: a part of kernels."""

import triton
import triton.language as tl


@triton.jit
def rounded(numbers: tl.tensor, memory: tl.tensor) -> tl.tensor:
    """float32 `numbers` as they would come back from `memory`, a pointer, in float32."""
    return numbers.to(memory.dtype.element_ty).to(tl.float32)
