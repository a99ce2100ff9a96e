"""Attention in float64, one head at a time, and paged caches to compare kernels on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.gpu.paged_kv import PagedKV
from engine.score_rule import ScoreRule
from tests.interpreter import IS_WANTED as IS_INTERPRETED

DEVICE = torch.device("cpu" if IS_INTERPRETED else "cuda")
# Of averages of about 1. A GPU makes up float32 from products of TF32.
TOLERANCE = {
    torch.float32: 5e-6 if IS_INTERPRETED else 2e-4,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}
NOBODYS_BLOCK = 0  # all NaN; where tables go on after a sequence's last block


def randn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """The same numbers in every run."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)


def ints(values: Sequence[object], dtype: torch.dtype = torch.int32) -> torch.Tensor:
    """On the device."""
    return torch.tensor(values, dtype=dtype, device=DEVICE)


def queries(rows: int, num_heads: int, head_dim: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """As a slice of wider rows, which also hold keys and values."""
    return randn(rows, num_heads + 2, head_dim, dtype=dtype, seed=1)[:, :num_heads]


def heads_apart(heads: torch.Tensor) -> torch.Tensor:
    """The same, but one head of all rows lies after the other, as transformers has them."""
    return heads.transpose(0, 1).contiguous().transpose(0, 1)


def unwritten(like: torch.Tensor) -> torch.Tensor:
    """NaN, of this shape."""
    return torch.full(like.shape, torch.nan, dtype=like.dtype, device=DEVICE)


@dataclass(frozen=True, slots=True)
class Texts:
    """Sequences of random keys and values whose blocks lie out of order, NaN wherever there is no token."""

    cache: PagedKV
    block_tables: torch.Tensor
    lengths: list[int]

    @classmethod
    def of(
        cls,
        lengths: list[int],
        *,
        block_tokens: int = 8,
        num_kv_heads: int = 2,
        head_dim: int = 16,
        dtype: torch.dtype = torch.float32,
        scales: tuple[float, float] = (1.0, 1.0),
    ) -> "Texts":
        """Each length's tokens, in as many blocks as they need."""
        width = max(1, *(-(-length // block_tokens) for length in lengths))
        order = 1 + torch.randperm(len(lengths) * width, generator=torch.Generator().manual_seed(2))
        tables = order.view(-1, width).int()
        shape = (1 + tables.numel(), block_tokens, num_kv_heads, head_dim)
        unused = torch.ones(shape[0] * block_tokens, dtype=torch.bool, device=DEVICE)
        for table, length in zip(tables, lengths, strict=True):
            unused[_slots(table, length, block_tokens)] = False
            table[-(-length // block_tokens) :] = NOBODYS_BLOCK
        keys, values = (randn(*shape, seed=seed) for seed in (3, 4))
        for part in (keys, values):
            part.flatten(0, 1)[unused] = torch.nan
        keys, values = keys.to(dtype), values.to(dtype)
        return cls(PagedKV(keys, values, *scales), tables.to(DEVICE), lengths)

    def tokens(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of one sequence in order, each [length, num_kv_heads, head_dim], float64."""
        slots = _slots(self.block_tables[index], self.lengths[index], self.cache.block_tokens)
        keys, values = (part.double().flatten(0, 1)[slots] for part in (self.cache.keys, self.cache.values))
        return keys * self.cache.key_scale, values * self.cache.value_scale

    def attend(
        self, index: int, query: torch.Tensor, rule: ScoreRule, visible: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What the last tokens of one sequence should get: query [tokens, num_heads, head_dim].

        `visible` is [tokens, length] bool, None for plain text.
        """
        keys, values = self.tokens(index)
        if visible is None:
            visible = causal(len(query), self.lengths[index], rule.window)
        output = torch.empty(query.shape, dtype=torch.float64, device=DEVICE)
        group = query.shape[1] // keys.shape[1]
        for head in range(query.shape[1]):
            scores = query[:, head].double() @ keys[:, head // group].T * rule.scaling
            if rule.softcap is not None:
                scores = rule.softcap * torch.tanh(scores / rule.softcap)
            weights = scores.masked_fill(~visible.to(DEVICE), -torch.inf).softmax(-1)
            output[:, head] = weights @ values[:, head // group]
        return output


def causal(num_tokens: int, length: int, window: int | None) -> torch.Tensor:
    """What the last of `length` tokens see of all."""
    own, seen = torch.arange(length - num_tokens, length)[:, None], torch.arange(length)[None]
    visible = seen <= own
    return visible if window is None else visible & (seen > own - window)


def assert_close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """As close as the dtype of `actual` can be."""
    tolerance = TOLERANCE[actual.dtype]
    torch.testing.assert_close(actual.double(), expected, atol=tolerance, rtol=tolerance)


def _slots(table: torch.Tensor, length: int, block_tokens: int) -> torch.Tensor:
    places = torch.arange(block_tokens, device=table.device)
    return (table[:, None].long() * block_tokens + places).flatten()[:length]
