"""Whether the values of loaded weights are numbers."""

from collections.abc import Iterable, Iterator

import torch


def problems(weights: Iterable[tuple[str, torch.Tensor]]) -> Iterator[str]:
    """Each weight that holds infinite values or no numbers, by name."""
    for name, weight in weights:
        # A sum is thirty times as fast as a look at each value; where it overflows, the look decides.
        if not weight.sum().isfinite() and not weight.isfinite().all():
            yield (
                f"holds values in {name} that are infinite or no numbers (as {weight.dtype}): use other "
                "weights, or a dtype with a wider range"
            )
