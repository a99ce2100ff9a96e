"""What kernels between matrix products are compared with: transformers' own modules, and float64."""

import torch

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def assert_as_modules(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """In 16 bits to the bit, but for a number in a hundred: sums in another order can round the other way."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if actual.dtype is torch.float32:
        torch.testing.assert_close(actual, expected, atol=5e-6, rtol=5e-6)
    else:
        tolerance = 2 * torch.finfo(actual.dtype).eps
        torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)
        assert (actual != expected).float().mean() <= 0.01
