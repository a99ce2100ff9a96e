"""Llama's decoder and those of its nearest relatives, with our own modules, for an NVIDIA GPU.

The same sums as transformers' modules, rounded in the same places, in fewer passes over memory: queries,
keys and values come of one product, gate and up of another, and what lies between products is one kernel
each. CUDA graphs can capture it: what is launched depends on the number of tokens alone, and nothing is
waited for. It reads top to bottom; transformers' `LlamaModel` is the reference, and
`engine/fused_decoder.py` the same for a CPU.
"""

from typing import Any

import torch

from engine.decoder import Plan
from engine.fused_families import HeadLayout, window_of
from engine.gpu.merged_linear import MergedLinear
from engine.gpu.rms_norm import rms_norm
from engine.gpu.rotary import HeadNorms, turn_heads
from engine.gpu.swiglu import silu_product
from engine.score_rule import ScoreRule


class FusedDecoder:
    """Embeddings, layers and the final norm of a transformers model, whose linear layers it takes over.

    The model's layers have no weights left afterwards. Meanwhile one of them has its weights twice, at most.
    """

    def __init__(self, model: Any) -> None:
        decoder = model.base_model
        layout = HeadLayout.of(decoder)
        self._embed = decoder.embed_tokens
        self._rotary = decoder.rotary_emb
        self._layers = [_take_over(number, layer, layout) for number, layer in enumerate(decoder.layers)]
        self._norm = Norm(decoder.norm)

    def forward(self, token_ids: torch.Tensor, positions: torch.Tensor, plan: Plan) -> torch.Tensor:
        """As `Decoder.forward`."""
        hidden = self._embed(token_ids)
        cos, sin = (table[0] for table in self._rotary(hidden, position_ids=positions[None]))
        branch = None
        for layer in self._layers:
            branch = layer(hidden, branch, cos, sin, plan)
        normed = self._norm(hidden, branch)
        plan.tap.take(len(self._layers), hidden)
        return normed


class FusedLayer:
    """One layer: attention and a gated MLP, each after a norm and added to what went in.

    What the MLP gives is added by the norm that follows, which is the next layer's.
    """

    def __init__(self, number: int, layer: Any, layout: HeadLayout) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._number = number
        self._layout = layout
        self._rule = ScoreRule(attention.scaling, window_of(attention))
        self._qkv = MergedLinear(attention.q_proj, attention.k_proj, attention.v_proj)
        self._output = MergedLinear(attention.o_proj)
        self._gate_up = MergedLinear(mlp.gate_proj, mlp.up_proj)
        self._down = MergedLinear(mlp.down_proj)
        self._attention_norm = Norm(layer.input_layernorm)
        self._mlp_norm = Norm(layer.post_attention_layernorm)
        self._head_norms = _head_norms(attention)

    def __call__(
        self,
        hidden: torch.Tensor,
        branch: torch.Tensor | None,
        cos: torch.Tensor,
        sin: torch.Tensor,
        plan: Plan,
    ) -> torch.Tensor:
        """Add the `branch` of the layer before, and attention, to `hidden`, in place; returns its own branch.

        All three are [num_tokens, hidden_size]; `cos` and `sin` are [num_tokens, head_dim].
        """
        normed = self._attention_norm(hidden, branch)
        plan.tap.take(self._number, hidden)
        query, key, value = self._heads(self._qkv(normed), cos, sin)
        attended = plan.attend(self._number, query, key, value, self._rule)
        normed = self._mlp_norm(hidden, self._output(attended.flatten(1)))
        return self._down(silu_product(self._gate_up(normed)))

    def _heads(self, qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Queries, keys and values, each [num_tokens, heads, head_dim], of what lies side by side."""
        layout = self._layout
        turn_heads(qkv, layout, cos, sin, self._head_norms)
        return torch.split(qkv.view(len(qkv), -1, layout.head_dim), layout.counts, dim=1)


class Norm:
    """A root mean square norm with transformers' weight and epsilon."""

    def __init__(self, module: Any) -> None:
        self._weight = module.weight.detach()
        self._epsilon: float = module.variance_epsilon

    def __call__(self, rows: torch.Tensor, branch: torch.Tensor | None) -> torch.Tensor:
        """[num_rows, size] to the same; `branch` is added to the rows first, in place."""
        return rms_norm(rows, self._weight, self._epsilon, branch)


def _take_over(number: int, layer: Any, layout: HeadLayout) -> FusedLayer:
    fused = FusedLayer(number, layer, layout)
    # The pieces that got free are too small for the next layer's products: the device has them back, or torch
    # would keep them beside what it takes anew. Does nothing where CUDA is not in use.
    torch.cuda.empty_cache()
    return fused


def _head_norms(attention: Any) -> HeadNorms | None:
    """Qwen3's norms of each query and key head; None where the family has none."""
    if not hasattr(attention, "q_norm"):
        return None
    weights = torch.stack([norm.weight.detach() for norm in (attention.q_norm, attention.k_norm)])
    return HeadNorms(weights, attention.q_norm.variance_epsilon)
