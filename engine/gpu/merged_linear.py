"""Linear layers with the same input as one matrix product."""

from typing import Any

import torch
from torch.nn.functional import linear


class MergedLinear:
    """The outputs of several `nn.Linear`, side by side.

    It takes their weights over: afterwards they have none.
    """

    def __init__(self, *linears: Any) -> None:
        self._weight = _side_by_side([each.weight.detach() for each in linears])
        biases = [each.bias.detach() for each in linears if each.bias is not None]
        assert len(biases) in (0, len(linears)), "some of these layers have a bias and some have none"
        self._bias = _side_by_side(biases) if biases else None
        for each in linears:
            each.weight = each.bias = None  # or the model would be there twice

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[num_rows, in_features] to [num_rows, out_features of all]."""
        return linear(rows, self._weight, self._bias)


def _side_by_side(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
