"""Linear layers laid out beforehand for a CPU: float32 in, float32 sums, float32 out.

oneDNN's layout is the fastest for many rows. For few rows reading the weights is what takes the time, and
fbgemm's, which keeps them in 16 bits, is up to three times faster (`ops/BENCHMARKS.md`). The operators are
torch's own but not public, and fbgemm's are to go (pytorch #184982): nothing else here knows them.
"""

import torch
from torch import nn
from torch.nn.functional import pad

# The number of rows that oneDNN's layout is for; others lose next to nothing.
TYPICAL_ROWS = 128
MANY_ROWS = 128
FEW_ROWS = 48  # up to this many the 16-bit layout is faster


def has_onednn() -> bool:
    """Whether this torch has oneDNN."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def has_fp16() -> bool:
    """Whether this torch and this CPU multiply by 16-bit weights."""
    return "fbgemm" in torch.backends.quantized.supported_engines and torch.cpu._is_avx2_supported()


def rows_to_compute(num_rows: int) -> int:
    """The number of rows that stands for `num_rows`, at least as large.

    oneDNN compiles, and keeps, code for every number of rows that it meets: let it meet few.
    """
    step = 8 if num_rows <= MANY_ROWS else 32
    return num_rows + -num_rows % step


class PackedLinear(nn.Module):
    """`nn.Linear` for inference: the same sums in float32, added up in another order.

    With `fp16` the weights are rounded to float16, which changes nothing where that is how they were stored,
    and are kept twice, 6 bytes each in all.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, fp16: bool) -> None:
        super().__init__()
        self._bias = bias
        self._few_rows = None
        if fp16:
            limit = torch.finfo(torch.float16).max
            weight = weight.clamp(-limit, limit).half().float()
            self._few_rows = torch.ops.quantized.linear_prepack_fp16(weight, self._bias)
        self._many_rows = torch.ops.mkldnn._reorder_linear_weight(weight, TYPICAL_ROWS)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[..., in_features] to [..., out_features]."""
        flat = rows.flatten(0, -2)
        if self._few_rows is not None and len(flat) <= FEW_ROWS:
            product: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(flat, self._few_rows)
        else:
            padded = pad(flat, (0, 0, 0, rows_to_compute(len(flat)) - len(flat)))
            product = torch.ops.mkldnn._linear_pointwise(padded, self._many_rows, self._bias, "none", [], "")
            product = product[: len(flat)]
        return product.view(*rows.shape[:-1], -1)


def pack_linears(model: nn.Module, fp16: bool) -> None:
    """Replace every linear layer of a float32 model on a CPU."""
    with torch.inference_mode():
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if type(child) is nn.Linear:
                    setattr(module, name, _packed(child, fp16))


def _packed(linear: nn.Linear, fp16: bool) -> PackedLinear:
    bias = None if linear.bias is None else linear.bias.detach()
    return PackedLinear(linear.weight.detach(), bias, fp16)
