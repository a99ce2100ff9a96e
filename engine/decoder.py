"""The seam between a step and a model's layers: flat tokens, positions and a plan in, hidden states out."""

from typing import Any, Protocol, TypeVar

import torch

from engine import layer_tap
from engine.layer_tap import LayerTap
from engine.score_rule import ScoreRule


class Plan(Protocol):
    """What a model's layers ask of a step."""

    @property
    def tap(self) -> LayerTap:
        """Where each layer leaves its output."""

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: ScoreRule
    ) -> torch.Tensor:
        """Write a layer's new KV, then attend to all of it through the block tables.

        All are [num_tokens, heads, head_dim]; returns the query's shape, contiguous.
        """


PlanT = TypeVar("PlanT", bound=Plan, contravariant=True)


class Decoder(Protocol[PlanT]):
    """A model without its head. Any number of threads may call `forward` for different rows."""

    def forward(self, token_ids: torch.Tensor, positions: torch.Tensor, plan: PlanT) -> torch.Tensor:
        """Both [num_tokens] int64; returns [num_tokens, hidden_size] after the final norm.

        Raises DeepEnough where the plan's tap needs no deeper layer.
        """


class TransformersDecoder:
    """transformers' own modules, of any family, with our attention in them."""

    paged = False

    def __init__(self, model: Any) -> None:
        self._model = model.base_model
        layer_tap.install(self._model)

    def forward(self, token_ids: torch.Tensor, positions: torch.Tensor, plan: Plan) -> torch.Tensor:
        """As `Decoder.forward`."""
        output = self._model(
            input_ids=token_ids[None], position_ids=positions[None], use_cache=False, plan=plan
        )
        hidden: torch.Tensor = output.last_hidden_state[0]
        return hidden
