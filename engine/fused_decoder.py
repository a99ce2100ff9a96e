"""Llama's decoder and those of its nearest relatives, with our own modules, for a CPU.

The same sums as transformers' modules in fewer passes over memory: queries, keys and values come of one
product, gate and up of another, and what lies between products is one kernel each (`engine/kernels.py`).
It reads top to bottom; transformers' `LlamaModel` is the reference.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from engine import kernels
from engine.fused_families import HeadLayout, window_of
from engine.packed_linear import PackedLinear
from engine.score_rule import ScoreRule
from engine.step_plan import StepPlan, Tail


class FusedDecoder:
    """Embeddings, layers and the final norm of a transformers model, whose linear layers it takes over."""

    paged = True

    def __init__(self, model: Any, fp16: bool) -> None:
        decoder = model.base_model
        layout = HeadLayout.of(decoder)
        self._embed = decoder.embed_tokens
        self._rotary = decoder.rotary_emb
        self._layers = [
            FusedLayer(number, layer, layout, fp16) for number, layer in enumerate(decoder.layers)
        ]
        self._norm = Norm(decoder.norm)
        kernels.paged_attention(layout.head_dim)  # compiled now, not under a request

    def forward(self, token_ids: torch.Tensor, positions: torch.Tensor, plan: StepPlan) -> torch.Tensor:
        """As `Decoder.forward`."""
        hidden = self._embed(token_ids)
        cos, sin = (table[0].numpy() for table in self._rotary(hidden, position_ids=positions[None]))
        plan.tap.take(0, hidden)
        for number, layer in enumerate(self._layers[:-1], start=1):
            layer(hidden, cos, sin, plan)
            plan.tap.take(number, hidden)
        self._layers[-1](hidden, cos, sin, plan, plan.tail())
        return self._norm(hidden)


class FusedLayer:
    """One layer: attention and a gated MLP, each after a norm and added to what went in."""

    def __init__(self, number: int, layer: Any, layout: HeadLayout, fp16: bool) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._number = number
        self._layout = layout
        self._rule = ScoreRule(attention.scaling, window_of(attention))
        self._qkv = _pack([attention.q_proj, attention.k_proj, attention.v_proj], fp16)
        self._output = _pack([attention.o_proj], fp16)
        self._gate_up = _pack([mlp.gate_proj, mlp.up_proj], fp16)
        self._down = _pack([mlp.down_proj], fp16)
        self._attention_norm = Norm(layer.input_layernorm)
        self._mlp_norm = Norm(layer.post_attention_layernorm)
        self._head_norms = HeadNorms.of(attention, layout)

    def __call__(
        self,
        hidden: torch.Tensor,
        cos: kernels.Floats,
        sin: kernels.Floats,
        plan: StepPlan,
        tail: Tail | None = None,
    ) -> None:
        """Add the layer's output to `hidden` [num_tokens, hidden_size], in place; of a tail, to its rows."""
        query, key, value = self._heads(self._qkv(self._attention_norm(hidden)), cos, sin)
        plan.write(self._number, key, value)
        if tail is None:
            self._finish(hidden, query, key, value, plan)
        elif len(tail.rows):
            rows = hidden[tail.rows]
            self._finish(rows, query[tail.rows], key[tail.rows], value[tail.rows], tail.plan)
            hidden[tail.rows] = rows

    def _finish(
        self,
        hidden: torch.Tensor,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        plan: StepPlan,
    ) -> None:
        """Attention, once keys and values are written, and the MLP; in place."""
        attended = plan.attend_written(self._number, query, key, value, self._rule)
        hidden += self._output(attended.flatten(1))
        gate_up = self._gate_up(self._mlp_norm(hidden))
        product = gate_up.new_empty(len(gate_up), gate_up.shape[1] // 2)
        kernels.silu_product(gate_up.numpy(), product.numpy())
        hidden += self._down(product)

    def _heads(self, qkv: torch.Tensor, cos: kernels.Floats, sin: kernels.Floats) -> tuple[torch.Tensor, ...]:
        """Queries, keys and values, each [num_tokens, heads, head_dim], of what lies side by side."""
        layout = self._layout
        if self._head_norms is not None:
            self._head_norms(qkv)
        kernels.rotate(qkv.numpy(), layout.num_heads + layout.num_kv_heads, cos, sin)
        return torch.split(qkv.view(len(qkv), -1, layout.head_dim), layout.counts, dim=1)


class Norm:
    """A root mean square norm with transformers' weight and epsilon."""

    def __init__(self, module: Any) -> None:
        self._weight = module.weight.detach().numpy()
        self._epsilon = np.float32(module.variance_epsilon)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[rows, size] to the same."""
        normed = torch.empty_like(rows)
        kernels.rms_norm(rows.numpy(), self._weight, self._epsilon, normed.numpy())
        return normed


@dataclass(frozen=True, slots=True)
class HeadNorms:
    """Qwen3's norms of each query and key head."""

    weights: kernels.Floats  # [heads, head_dim]
    epsilon: np.float32

    @classmethod
    def of(cls, attention: Any, layout: HeadLayout) -> "HeadNorms | None":
        """None where the family has none."""
        if not hasattr(attention, "q_norm"):
            return None
        query, key = (
            norm.weight.detach().expand(count, -1)
            for norm, count in ((attention.q_norm, layout.num_heads), (attention.k_norm, layout.num_kv_heads))
        )
        return cls(torch.cat((query, key)).numpy(), np.float32(attention.q_norm.variance_epsilon))

    def __call__(self, qkv: torch.Tensor) -> None:
        """In place, on queries and keys side by side: [rows, heads * head_dim] and what follows."""
        kernels.head_norm(qkv.numpy(), self.weights, self.epsilon)


def _pack(linears: list[nn.Linear], fp16: bool) -> PackedLinear:
    """Several layers with the same input as one, their outputs side by side."""
    weight = torch.cat([linear.weight.detach() for linear in linears])
    biases = [linear.bias.detach() for linear in linears if linear.bias is not None]
    assert len(biases) in (0, len(linears)), "some of these layers have a bias and some have none"
    return PackedLinear(weight, torch.cat(biases) if biases else None, fp16)
